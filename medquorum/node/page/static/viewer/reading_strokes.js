/** Which key does what while slices are read. */

/** @returns {import("./strokes.js").Strokes} */
export function readingStrokes(reading, cine) {
  const page = () => Math.max(5, Math.round(reading.grid.slices / 20));
  const toggle = (kind) =>
    reading.labelLayers
      .filter((layer) => layer.kind === kind)
      .forEach((layer) => {
        layer.shown = !layer.shown;
        reading.changed("shown");
      });
  const zoom = (factor) => reading.setView({ ...reading.view, zoom: reading.view.zoom * factor });
  return {
    ArrowUp: () => reading.turn(-1),
    ArrowDown: () => reading.turn(1),
    "[": () => reading.turn(-1),
    "]": () => reading.turn(1),
    PageUp: () => reading.turn(-page()),
    PageDown: () => reading.turn(page()),
    Home: () => reading.turn(-reading.grid.slices),
    End: () => reading.turn(reading.grid.slices),
    "Shift+ArrowUp": () => reading.stepCrosshair(0, -1),
    "Shift+ArrowDown": () => reading.stepCrosshair(0, 1),
    "Shift+ArrowLeft": () => reading.stepCrosshair(-1, 0),
    "Shift+ArrowRight": () => reading.stepCrosshair(1, 0),
    w: () => reading.cyclePreset(),
    "Shift+w": () => reading.tracks.pet && reading.cyclePreset(reading.tracks.pet),
    l: () => reading.nextLayout(),
    o: () => toggle("lesions"),
    g: () => toggle("organs"),
    n: () => nextLesion(reading, 1),
    p: () => nextLesion(reading, -1),
    v: () => reading.toggleOverview(),
    m: () => reading.setTool(reading.tool === "measure" ? null : "measure"),
    c: () => cine.toggle(),
    f: () => reading.reset(),
    "+": () => zoom(1.25),
    "Shift++": () => zoom(1.25),
    "-": () => zoom(0.8),
    Backspace: () => {
      reading.rulers.undo();
      reading.changed("rulers");
    },
  };
}

/** Goes to the next lesion of the list, or the one before. */
function nextLesion(reading, step) {
  const lesions = reading.lesionLayer()?.labels ?? [];
  if (lesions.length > 0) {
    const at = lesions.findIndex((each) => each.label === reading.lesion);
    const next =
      at < 0 && step < 0 ? lesions.length - 1 : (at + step + lesions.length) % lesions.length;
    reading.goToLesion(lesions[next].label);
  }
}
