/** The way to the volume viewer, which is a document of its own: it alone may compile WebAssembly. */

/** Opens it beside the page, with names of series in the fragment, which no server sees. */
export function openVolume(wanted) {
  const names = new URLSearchParams();
  for (const each of wanted.series) {
    names.append("series", `${each.kind} ${each.record} ${each.part}`);
  }
  for (const each of wanted.overlays ?? []) {
    names.append("overlay", each.record);
  }
  window.open(`/page/volume#${names}`, "_blank", "noopener");
}
