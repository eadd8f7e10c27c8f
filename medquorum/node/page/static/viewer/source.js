/** The node's addresses of images and overlays; a viewer knows no other. */

import { api } from "../api.js";

const part = (series) => `${encodeURIComponent(series.record)}/${encodeURIComponent(series.part)}`;
const overlay = (record) => `/v1/overlays/${encodeURIComponent(record)}`;

/** The query of an address: what is not said is left out. */
function asked({ on = null, layer = null, purpose }) {
  const said = [
    on === null ? null : `on=${part(on)}`,
    layer === null ? null : `layer=${layer}`,
    purpose === null ? null : `purpose=${purpose}`,
  ].filter((one) => one !== null);
  return said.length === 0 ? "" : `?${said.join("&")}`;
}

/** @typedef {{record: string, part: string}} SeriesName  hex of the record, name of its part */

/** The addresses for a purpose of reading; null is the node's own, treatment. */
export const sourceFor = (purpose) =>
  Object.freeze({
    purpose,

    /** What the node says about a series. @param {SeriesName} series */
    describe: (series) => api.get(`/v1/images/${part(series)}${asked({ purpose })}`),

    /**
     * Raw numbers of a slice, little-endian 16 bits; with `on` on that image's grid.
     * @returns {Promise<Uint8Array>}
     */
    slice: (series, index, on, signal) => {
      const address = `/v1/images/${part(series)}/slices/${index}`;
      return api.bytes(`${address}${asked({ on, purpose })}`, { signal });
    },

    /** All of a series as one NIfTI file. @returns {Promise<Uint8Array>} */
    volume: (series) => api.bytes(`/v1/images/${part(series)}/volume.nii${asked({ purpose })}`),

    /** Where the pixels of a PET's projections lie. */
    projections: (series) => api.get(`/v1/images/${part(series)}/projections${asked({ purpose })}`),

    /** A PET at one look, from the "front" or the "side". @returns {Promise<Uint8Array>} */
    projection: (series, view, signal) => {
      const address = `/v1/images/${part(series)}/projections/${encodeURIComponent(view)}`;
      return api.bytes(`${address}${asked({ purpose })}`, { signal });
    },

    /** The labels of a report's findings on a projection. @returns {Promise<Uint8Array>} */
    labelsSeen: (record, view, on, signal) => {
      const address = `${overlay(record)}/projections/${encodeURIComponent(view)}`;
      return api.bytes(`${address}${asked({ on, purpose })}`, { signal });
    },

    /** What the labels of an overlay mean on an image. */
    describeOverlay: (record, on) => api.get(`${overlay(record)}${asked({ on, purpose })}`),

    /**
     * Labels of a slice on the image's grid; layer "findings" or "organs".
     * @returns {Promise<Uint8Array>}
     */
    labels: (record, layer, index, on, signal) =>
      api.bytes(`${overlay(record)}/slices/${index}${asked({ on, layer, purpose })}`, { signal }),
  });

export const nodeSource = sourceFor(null);
