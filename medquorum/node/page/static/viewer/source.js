/** The node's addresses of images and overlays; a viewer knows no other. */

import { api } from "../api.js";

const part = (series) => `${encodeURIComponent(series.record)}/${encodeURIComponent(series.part)}`;
const overlay = (record) => `/v1/overlays/${encodeURIComponent(record)}`;
const grid = (on) => (on === null ? "" : `?on=${part(on)}`);

/** @typedef {{record: string, part: string}} SeriesName  hex of the record, name of its part */

export const nodeSource = Object.freeze({
  /** What the node says about a series. @param {SeriesName} series */
  describe: (series) => api.get(`/v1/images/${part(series)}`),

  /**
   * Raw numbers of a slice, little-endian 16 bits; with `on` on that image's grid.
   * @returns {Promise<Uint8Array>}
   */
  slice: (series, index, on, signal) =>
    api.bytes(`/v1/images/${part(series)}/slices/${index}${grid(on)}`, { signal }),

  /** What the labels of an overlay mean on an image. */
  describeOverlay: (record, on) => api.get(`${overlay(record)}${grid(on)}`),

  /**
   * Labels of a slice on the image's grid; layer "findings" or "organs".
   * @returns {Promise<Uint8Array>}
   */
  labels: (record, layer, index, on, signal) =>
    api.bytes(`${overlay(record)}/slices/${index}${grid(on)}&layer=${layer}`, { signal }),
});
