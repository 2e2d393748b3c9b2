// Clocks for ui.py, loaded into the page: from the browser's own time of a key or pointer event until the picture that
// it changes has been painted. Painted: the images are decoded, and the main thread has finished the next frame.
(() => {
  let latest = 0;  // when the browser received the latest key or pointer event
  const kinds = ["keydown", "pointerdown", "pointermove", "pointerup"];
  for (const kind of kinds) document.addEventListener(kind, (event) => { latest = event.timeStamp; }, true);

  async function painted(element) {
    await Promise.all([...element.querySelectorAll("img")].map((img) => img.decode().catch(() => {})));
    await new Promise(requestAnimationFrame);
    await new Promise((resolve) => {
      const channel = new MessageChannel();
      channel.port1.onmessage = resolve;
      channel.port2.postMessage(0);
    });
    return performance.now();
  }

  // Call `changed` whenever the element shows something else than before. One that had a picture and has none yet is
  // on its way: empty, or the printed lines before the figure.
  function watch(element, changed) {
    let before = element.innerHTML;
    const pictured = element.querySelector("img") !== null;
    const observer = new MutationObserver(() => {
      if (element.innerHTML === before || pictured && !element.querySelector("img")) return;
      before = element.innerHTML;
      changed();
    });
    observer.observe(element, { subtree: true, childList: true, characterData: true, attributes: true });
    return observer;
  }

  // Milliseconds from the latest event until the element's next picture is painted.
  window.nextPicture = (element) => new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("nothing changed in 20 seconds")), 20_000);
    const observer = watch(element, async () => {
      observer.disconnect();
      clearTimeout(late);
      const start = latest;
      resolve(await painted(element) - start);
    });
  });

  // Milliseconds from the last event of a drag that moved the slider until the element's last picture is painted:
  // the last before it stands still for `quiet` milliseconds.
  window.lastPicture = (slider, element, quiet) => new Promise((resolve) => {
    let moved = 0, shown = 0, timer;
    const restart = () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        observers.forEach((observer) => observer.disconnect());
        resolve(shown - moved);
      }, quiet);
    };
    const readout = watch(slider.querySelector(".widget-readout"), () => { moved = latest; restart(); });
    const view = watch(element, async () => { restart(); shown = await painted(element); });
    const observers = [readout, view];
  });
})();
