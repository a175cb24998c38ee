// A line over the trajectories that runs with whatever plays, the stage or a clip; a click on the trajectories goes there in the clip.
(() => {
  let clip = null;

  const plot = () => document.querySelector("#plot .js-plotly-plot");
  const stage = () => document.querySelector("#stage-box moda-stage:not([hidden])");
  const clips = () => [...document.querySelectorAll("#quick-clip video, #final-video video")];

  // Left edge, width and first and last second of the time axis, in pixels of #plot.
  const axis = () => {
    const graph = plot();
    const lane = graph && graph.querySelector(".nsewdrag");
    const range = lane && graph.layout && graph.layout.xaxis && graph.layout.xaxis.range;
    if (!range) return null;
    const host = document.querySelector("#plot");
    const inside = lane.getBoundingClientRect();
    const left = inside.left - host.getBoundingClientRect().left + host.scrollLeft;
    return { left, width: inside.width, first: Number(range[0]), last: Number(range[1]) };
  };

  const draw = () => {
    const host = document.querySelector("#plot");
    const place = axis();
    let line = document.querySelector("#playhead");
    const seconds = clip && clip.isConnected ? (clip === stage() ? clip.position : clip.currentTime) : null;
    const shown = host && place && seconds !== null;
    const share = shown ? (seconds - place.first) / (place.last - place.first) : -1;
    if (share < 0 || share > 1) {
      if (line) line.hidden = true;
    } else {
      if (!line) {
        line = document.createElement("div");
        line.id = "playhead";
        line.setAttribute("aria-hidden", "true");
      }
      if (line.parentNode !== host) host.append(line);
      line.hidden = false;
      line.style.left = `${place.left + share * place.width}px`;
    }
    if (clip && clip !== stage() && !clip.paused && !clip.ended) requestAnimationFrame(draw);
  };

  const follow = (event) => {
    if (!event.target.matches || !event.target.matches("#quick-clip video, #final-video video")) return;
    if (event.type === "play") {
      clip = event.target;
      for (const other of clips()) if (other !== clip) other.pause();
      stage()?.pause();
    }
    if (event.target === clip) requestAnimationFrame(draw);
  };
  for (const what of ["play", "pause", "seeked", "timeupdate"]) document.addEventListener(what, follow, true);

  document.addEventListener("stage-play", () => {
    for (const other of clips()) other.pause();
    clip = stage();
  });
  document.addEventListener("stage-frame", () => {
    if (!clip || !clip.isConnected) clip = stage();
    if (clip && clip === stage()) draw();
  });

  // Plotly keeps clicks to itself, so press and release are compared: a drag zooms, a click seeks.
  let pressed = null;
  document.addEventListener("pointerdown", (event) => {
    pressed = event.target.closest && event.target.closest("#plot .nsewdrag") ? [event.clientX, event.clientY] : null;
  }, true);
  document.addEventListener("pointerup", (event) => {
    if (!pressed || Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 3) return;
    const place = axis();
    const target = clip && clip.isConnected ? clip : stage() || clips()[0];
    if (!place || !target) return;
    const host = document.querySelector("#plot");
    const at = event.clientX - host.getBoundingClientRect().left + host.scrollLeft;
    const seconds = place.first + ((at - place.left) / place.width) * (place.last - place.first);
    clip = target;
    if (target === stage()) target.seek(Math.max(0, Math.min(seconds, target.duration)));
    else target.currentTime = Math.max(0, Math.min(seconds, target.duration || seconds));
  }, true);
  window.addEventListener("resize", () => requestAnimationFrame(draw));
})();
