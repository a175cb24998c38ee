// A film may be given as speech: Gradio's sound input would turn it away by its kind, so it comes as sound. Our own
// reader takes the sound out of it.
(() => {
  const field = () => document.querySelector("#speech input[type=file]");
  const film = (file) => !file.type.startsWith("audio/");
  const asSound = (files) => {
    const given = new DataTransfer();
    for (const file of files) given.items.add(film(file) ? new File([file], file.name, { type: "audio/mp4" }) : file);
    return given.files;
  };

  document.addEventListener("change", (event) => {
    const input = event.target;
    if (input.type === "file" && input.closest("#speech") && [...input.files].some(film)) input.files = asSound(input.files);
  }, true);
  document.addEventListener("drop", (event) => {
    const input = event.target.closest && event.target.closest("#speech") ? field() : null;
    const files = event.dataTransfer ? [...event.dataTransfer.files] : [];
    if (!input || !files.some(film)) return;
    event.preventDefault();
    event.stopPropagation();
    input.files = asSound(files);
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
  // The file dialogue offers films too.
  document.addEventListener("pointerdown", () => {
    const input = field();
    if (input && !input.accept.includes("video/*")) input.accept += ", video/*";
  }, true);
})();
