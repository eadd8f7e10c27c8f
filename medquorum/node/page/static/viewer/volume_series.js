/** Which series the volume document is asked to show. */

const NAME = /^(ct|pet) ([0-9a-f]{64}) (IMG_CT|IMM_PET)$/;

/** Series named in the fragment; others than volumes, and words that are no names, are left out. */
export function seriesOf(fragment) {
  const words = new URLSearchParams(fragment.replace(/^#/, "")).getAll("series");
  const named = words
    .map((each) => NAME.exec(each))
    .filter((each) => each !== null)
    .slice(0, 2);
  return named
    .map(([, kind, record, part]) => ({ kind, record, part }))
    .sort((a) => (a.kind === "ct" ? -1 : 1));
}
