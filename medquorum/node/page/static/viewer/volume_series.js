/** Which series the volume document is asked to show, and what they are read for. */

const NAME = /^(ct|pet) ([0-9a-f]{64}) (IMG_CT|IMM_PET)$/;

/** The address of the document; its fragment no server sees. */
export function addressOf({ series, source }) {
  const words = new URLSearchParams(
    series.map((each) => ["series", `${each.kind} ${each.record} ${each.part}`]),
  );
  if (source?.purpose) {
    words.append("purpose", source.purpose);
  }
  return `/page/volume#${words}`;
}

const wordsOf = (fragment) => new URLSearchParams(fragment.replace(/^#/, ""));

/** A patient reads on request; everybody else as the node has it by default, so null. */
export const purposeOf = (fragment) =>
  wordsOf(fragment).get("purpose") === "request" ? "request" : null;

/** Series named in the fragment; others than volumes, and words that are no names, are left out. */
export function seriesOf(fragment) {
  const named = wordsOf(fragment)
    .getAll("series")
    .map((each) => NAME.exec(each))
    .filter((each) => each !== null)
    .slice(0, 2);
  return named
    .map(([, kind, record, part]) => ({ kind, record, part }))
    .sort((a) => (a.kind === "ct" ? -1 : 1));
}
