/** The node's addresses of images and overlays; a viewer knows no other. */

import { api } from "../api.js";

const part = (series) => `${encodeURIComponent(series.record)}/${encodeURIComponent(series.part)}`;
const series_ = (series) => `/v1/images/${part(series)}`;
const grid = (on) => (on ? `?on=${part(on)}` : "");

/** @typedef {{record: string, part: string}} SeriesName  hex of the record, name of its part */

export const nodeSource = Object.freeze({
  /** What the node says about a series. @param {SeriesName} series @param {SeriesName?} on */
  describe: (series, on) => api.get(series_(series) + grid(on)),

  /** Raw numbers of a slice, little-endian 16 bits. @returns {Promise<Uint8Array>} */
  slice: (series, index, on, signal) => api.bytes(`${series_(series)}/slices/${index}${grid(on)}`, { signal }),

  /** What the labels of an overlay mean. */
  describeOverlay: (record, on) => api.get(`/v1/overlays/${encodeURIComponent(record)}${grid(on)}`),

  /** Labels of a slice on the image's grid. @returns {Promise<Uint8Array>} */
  labels: (record, layer, index, on, signal) =>
    api.bytes(`/v1/overlays/${encodeURIComponent(record)}/${layer}/${index}${grid(on)}`, { signal }),
});
