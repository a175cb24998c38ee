// The Live tab: sound goes to the WebSocket in pieces, motion comes back and moves the face; see docs/live.md.
(() => {
  const RATE = 16000, FPS = 25;
  const TICK = 16; // ms of sound that are sent at once
  const SILENT = 150; // ms without the microphone after which silence is sent instead of it
  const BACKLOG = 0.25; // seconds that the microphone may be ahead of the page's clock: more is what waited while it was silent
  const LAGGING = 20, FOLLOWING = 0.02; // ms that it may be behind without the clock going with it; share of the rest, each time
  const AHEAD = 0.45, MOST_AHEAD = 200; // share of the delay, and ms, by which a typed text's sound is sent ahead of its time
  const VOICE = 0.02, HANGOVER = 500; // level above which the visitor speaks; ms of silence that end a phrase
  const SETTLED = 300; // ms without a change after which settings are sent
  const TOLD = 4000; // ms that what was left out stays on show
  const WAITED = 90000, RESTORED = 15000; // ms for a portrait to be sent again, and for what the server still has
  const RETRIES = [500, 1000, 2000, 4000, 8000, 15000, 30000], MOST_TRIES = 25; // a server takes minutes to be built
  const KEPT = "moda-live"; // what a page that is loaded anew needs to go on
  const KEPT_SIDE = 1536; // pixels of the portrait that is kept for a server that was started anew
  const ANEW = "The server was started anew; sending it the portrait again…";
  const BEING_READ = "The portrait is being read; it is here in a moment…";
  const UNFIT = "This picture cannot be used; the Make tab says why.";
  const BACK = "The server was started anew; the portrait is there again, and it goes on.";
  const WORKLET = `registerProcessor("take", class extends AudioWorkletProcessor {
    process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; }
  });`;
  const box = () => document.querySelector("#live-box");
  const face = () => document.querySelector("#live-box moda-stage");
  const button = (name) => document.querySelector(`#live-${name}`);
  const size = (pieces) => pieces.reduce((sum, piece) => sum + piece.length, 0);
  let talk = null; // the session that runs
  let shown = null; // address of the rig on the stage
  let returned = ""; // what is said when the page has come back by itself
  const chosen = { microphone: "open", voice: "lips", echo: false, held: false };

  const status = (text, bad = false) => {
    const place = document.querySelector("#live-status");
    if (place && place.textContent !== text) place.textContent = text;
    place?.classList.toggle("bad", bad);
  };
  const keep = (what) => {
    try { what ? sessionStorage.setItem(KEPT, JSON.stringify(what)) : sessionStorage.removeItem(KEPT); } catch { /* kept nowhere */ }
  };
  const fetched = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.arrayBuffer();
  };
  const decoded = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  const coded = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""));
  const pcm = (sound) => Int16Array.from(sound, (value) => Math.max(-1, Math.min(1, value)) * 32767).buffer;
  const tell = (session, message) => {
    if (session.socket?.readyState === WebSocket.OPEN) session.socket.send(JSON.stringify(message));
  };

  // ---- the face ----

  const putRig = async (address) => {
    const stage = face();
    stage.hidden = false;
    box().classList.add("there");
    if (shown !== address || !stage.painter?.rig) {
      await stage.setRig(await fetched(address));
      shown = address;
    }
    return Boolean(stage.painter?.rig);
  };

  // Before Start and after End: the face listens, in a loop without a seam.
  const idle = async (wanted) => {
    if (talk) return;
    const stage = face();
    if (!wanted || !wanted.rig) {
      if (stage) stage.hidden = true;
      box()?.classList.remove("there");
      const picture = document.querySelector("#portrait img"), fault = document.querySelector("#portrait-say .error");
      return status(picture ? (fault ? UNFIT : BEING_READ) : "", Boolean(picture && fault));
    }
    if (!(await putRig(wanted.rig))) return status("This browser cannot draw the face: Live needs WebGL 2.", true);
    if (talk) return;
    if (wanted.idle) stage.resting = decoded(wanted.idle);
    await rest();
    status("Press Start, and it talks with your voice.");
    goOn();
  };
  // The portrait was read, or is another: the tab shows it, where it is open.
  const portraitChanged = () => {
    if (!talk && box()?.checkVisibility()) document.dispatchEvent(new CustomEvent("live-portrait"));
  };
  const rest = async () => {
    const stage = face();
    stage.finish();
    if (!stage.resting) return;
    await stage.setTakes([{ name: "", motion: stage.resting.slice(0) }]);
    await stage.change({ loop: true });
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) await stage.play();
  };

  // ---- the microphone ----

  const open = () => chosen.microphone === "open" || (chosen.microphone === "push" && chosen.held);
  const microphone = async (session) => {
    session.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    const context = session.context;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" })));
    const source = context.createMediaStreamSource(session.stream), node = new AudioWorkletNode(context, "take");
    node.port.onmessage = ({ data }) => {
      if (session.socket?.readyState !== WebSocket.OPEN) return;
      session.heard.push(open() ? data : new Float32Array(data.length));
      session.heardAt = performance.now();
      send(session);
    };
    source.connect(node);
    session.delayed = context.createDelay(2);
    session.echo = context.createGain();
    session.echo.gain.value = 0;
    source.connect(session.delayed).connect(session.echo).connect(context.destination);
    for (const track of session.stream.getTracks()) track.onended = () => {
      if (talk === session) status("The microphone was taken away; type what should be said, or press Start again.", true);
    };
  };

  // The visitor speaks, and is not the face's voice: the face looks, and nods where a phrase ends.
  const listen = (session, sound) => {
    const now = performance.now();
    if (sound.length && Math.hypot(...sound) / Math.sqrt(sound.length) > VOICE) {
      session.voiceAt = now;
      if (!session.speaking) {
        session.speaking = true;
        if (session.playing.length) interrupt(); // who is spoken to stops talking
        tell(session, { type: "listen", speaking: true });
      }
    } else if (session.speaking && now - session.voiceAt > HANGOVER) {
      session.speaking = false;
      tell(session, { type: "listen", speaking: false });
    }
    if (sound.length) tell(session, { type: "heard", pcm: coded(pcm(sound)) });
  };

  // Takes so many samples out of a list of pieces, or what there is.
  const taken = (pieces, count) => {
    const out = new Float32Array(Math.min(count, size(pieces)));
    let at = 0;
    while (at < out.length) {
      const piece = pieces[0], share = Math.min(piece.length, out.length - at);
      out.set(piece.subarray(0, share), at);
      if (share === piece.length) pieces.shift();
      else pieces[0] = piece.subarray(share);
      at += share;
    }
    return out;
  };

  // The microphone, while it gives sound, is the session's clock: what it gives is sent at once, none of it left out and
  // nothing put in. Otherwise the page's clock says how much silence, or of a typed text, is due.
  const send = (session) => {
    if (session.socket?.readyState !== WebSocket.OPEN || !session.began) return;
    const now = performance.now(), listened = now - session.heardAt < SILENT;
    const due = Math.floor(((now - session.began) * RATE) / 1000) - session.sent;
    if (due > RATE) { // the computer slept, or the tab was asleep
      session.began += ((due - RATE / 25) * 1000) / RATE;
      return;
    }
    const late = size(session.heard) - due - Math.round(BACKLOG * RATE);
    if (late > 0) taken(session.heard, late);
    const count = session.extra + (listened ? Math.max(size(session.heard), due - Math.round((SILENT * RATE) / 1000)) : due);
    if (count < (RATE * TICK) / 1000) return;
    session.extra = 0;
    const voice = taken(session.heard, count);
    const sound = new Float32Array(count);
    if (session.spoken.length) sound.set(taken(session.spoken, count));
    else if (chosen.voice === "lips") sound.set(voice);
    if (chosen.voice === "listen") listen(session, voice);
    session.socket.send(pcm(sound));
    session.sent += count;
    const behind = now - session.began - (session.sent * 1000) / RATE;
    session.began += behind < 0 ? behind : Math.max(behind - LAGGING, 0) * FOLLOWING;
  };

  // Where the page itself stood still, the microphone's pieces have waited as the timer has: they come first.
  const tick = (session) => {
    const now = performance.now(), stood = now - session.tickedAt > SILENT, listened = session.tickedAt - session.heardAt < SILENT;
    session.tickedAt = now;
    if (!stood || !listened) send(session);
  };

  // The sound of a text is all there: some of it is sent ahead of its time, and the face goes there twice as fast.
  const hasten = (session) => {
    const ms = Math.min(AHEAD * session.delay, MOST_AHEAD);
    session.extra = Math.round((ms * RATE) / 1000);
    face().live?.hasten(ms);
  };

  // ---- what the face says, heard when its lips are there ----

  const shownAt = (session, sample) => {
    const { live } = face(), at = live?.shownAt((sample / RATE) * FPS);
    return at != null ? at + live.lag : session.began + (sample / RATE) * 1000 + (session.delay ?? 350);
  };
  const sounding = (session, item, late = 0) => {
    const context = session.context, node = context.createBufferSource();
    node.buffer = item.buffer;
    node.connect(context.destination);
    const stamp = context.getOutputTimestamp?.();
    const heard = stamp?.performanceTime > 0 ? stamp.contextTime + (performance.now() - stamp.performanceTime) / 1000 : context.currentTime;
    const wait = (shownAt(session, item.sample) - performance.now()) / 1000 + late;
    const at = heard + wait;
    if (at >= context.currentTime) node.start(at);
    else node.start(0, context.currentTime - at);
    node.onended = () => { if (item.node === node) session.playing = session.playing.filter((one) => one !== item); };
    item.node = node;
  };
  const play = (session, buffer, sample) => {
    const item = { buffer, sample, node: null };
    session.playing.push(item);
    sounding(session, item);
  };
  const hush = (session) => {
    for (const item of session.playing) { const { node } = item; item.node = null; node.stop(); }
    session.playing = [];
  };
  // The face had to wait for late frames, or leaves some out: so does its voice.
  document.addEventListener("stage-shift", () => {
    if (!talk) return;
    for (const item of [...talk.playing]) {
      const { node } = item;
      item.node = null;
      node.stop();
      sounding(talk, item);
    }
  });

  // A finished sound (a sentence): spoken by the face.
  const say = async (wanted) => {
    if (!wanted || !wanted.sound) return;
    const session = talk;
    if (!session) return status("Press Start first.", true);
    if (wanted.first) session.saying = wanted.text;
    if (session.saying !== wanted.text) return; // was interrupted meanwhile
    session.queue = session.queue.then(async () => {
      const buffer = await session.context.decodeAudioData(await fetched(wanted.sound));
      if (talk !== session || session.saying !== wanted.text) return;
      await session.context.resume();
      if (session.spoken.length) session.spoken.push(new Float32Array(Math.round(0.1 * RATE)));
      const sample = session.sent + size(session.spoken);
      for (const at of wanted.nods) { // asked for when its sound is sent
        const wait = (sample - session.sent) / RATE + at;
        setTimeout(() => talk === session && session.saying === wanted.text && tell(session, { type: "nod" }), 1000 * wait);
      }
      if (!session.spoken.length && !session.playing.length) hasten(session);
      session.spoken.push(buffer.getChannelData(0).slice());
      send(session);
      play(session, buffer, sample);
    }).catch(() => status("This sentence could not be played.", true));
  };

  // What an assistant says: pieces with their place in the session.
  const heardOf = (session, message) => {
    const values = new Int16Array(decoded(message.pcm));
    const buffer = session.context.createBuffer(1, values.length, RATE);
    buffer.copyToChannel(Float32Array.from(values, (value) => value / 32768), 0);
    play(session, buffer, message.at);
  };

  // ---- the session ----

  const received = (session, data) => {
    const stage = face();
    stage.push(data);
    session.frames = new DataView(data).getUint32(0, true) + (data.byteLength - 4) / 140;
    stage.dataset.frames = String(session.frames);
    stage.live.steady = session.playing.length > 0;
    session.delay = stage.live.shownAt(0) + stage.live.lag - session.began;
    stage.dataset.delay = String(Math.round(session.delay));
    if (session.echo) {
      session.delayed.delayTime.value = Math.min(2, session.delay / 1000);
      session.echo.gain.value = chosen.echo && chosen.voice === "lips" && open() ? 1 : 0;
    }
    const record = session.recording ? " Recording." : "";
    if (performance.now() < session.telling) return;
    status(`Live. The face follows the sound by ${Math.round(session.delay / 10) * 10} ms.${record}`);
  };

  const said = (session, message) => {
    if (message.type === "ready") {
      const stage = face();
      stage.start(message.reference, message.neutral, message.fps);
      Object.assign(session, { began: performance.now(), sent: 0, tries: 0, delay: message.delay_ms + 60, heard: [], spoken: [], extra: 0 });
      clearInterval(session.timer);
      session.timer = setInterval(() => tick(session), TICK);
      box().classList.add("on");
      invite(message.key);
      status(returned || "Live.");
      if (returned) session.telling = performance.now() + TOLD;
      returned = "";
      stage.dataset.sessions = String(Number(stage.dataset.sessions || 0) + 1);
    } else if (message.type === "sound") heardOf(session, message);
    else if (message.type === "interrupted") face().live?.drop(message.frame);
    else if (message.type === "skipped") {
      face().live?.skip(message.frame, message.frames);
      session.telling = performance.now() + TOLD;
      status(message.message, true);
    }
    else if (message.type === "recorded") {
      record(false);
      document.dispatchEvent(new CustomEvent("live-recorded", { detail: { frames: message.frames } }));
    } else if (message.type === "busy") lost(session, `${message.message} Trying again…`, Math.min(message.wait, 20) * 1000);
    else if (message.message) {
      session.refused = message.message;
      status(message.message, true);
    }
  };

  const connect = (session) => {
    const { wanted } = session;
    const place = new URL("live", document.baseURI);
    place.protocol = place.protocol.replace("http", "ws");
    const socket = session.socket = new WebSocket(place);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => tell(session, { type: "start", portrait: wanted.token, consent: wanted.consent, settings: wanted.settings, realtime: true });
    socket.onmessage = ({ data }) => {
      if (talk !== session || session.socket !== socket) return;
      if (typeof data === "string") said(session, JSON.parse(data));
      else received(session, data);
    };
    socket.onclose = ({ code }) => {
      if (talk !== session || session.socket !== socket) return;
      if (code === 1000 || code === 1008 || code === 1011) stop(session.refused ?? "The live session ended.", Boolean(session.refused));
      else if (code !== 1013) lost(session, "The connection was lost; coming back…");
    };
  };

  // Which run of the server answers; null where none does.
  const program = async () => {
    try {
      const answer = await fetch(new URL("gradio_api/app_id", document.baseURI), { cache: "no-store" });
      return answer.ok ? await answer.text() : null;
    } catch { return null; }
  };
  // The portrait as the Make tab shows it, small enough to be kept, and which of its faces speaks.
  const portrait = async () => {
    const image = document.querySelector("#portrait img");
    if (!image) return {};
    const bitmap = await createImageBitmap(await (await fetch(image.src)).blob());
    const scale = Math.min(1, KEPT_SIDE / Math.max(bitmap.width, bitmap.height)), canvas = document.createElement("canvas");
    canvas.width = Math.round(scale * bitmap.width);
    canvas.height = Math.round(scale * bitmap.height);
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const number = [...document.querySelectorAll("#face input")].findIndex((one) => one.checked);
    return { picture: canvas.toDataURL("image/jpeg", 0.92), number };
  };

  // Tries again, later and later; Gradio loads the page anew when its own connection breaks, and `goOn` follows.
  const lost = (session, why, wait = RETRIES[Math.min(session.tries, RETRIES.length - 1)]) => {
    clearInterval(session.timer);
    hush(session);
    invite(null);
    record(false);
    if (session.tries >= MOST_TRIES) return stop("The server cannot be reached; press Start when it is there again.", true);
    session.tries += 1;
    status(why, true);
    session.timer = setTimeout(async () => {
      const there = await program();
      if (talk !== session) return;
      if (there && session.program && there !== session.program) location.reload(); // it knows nothing of this page
      else connect(session);
    }, wait);
  };

  const stop = (why = "Ended.", bad = false) => {
    const session = talk;
    talk = null;
    keep(null);
    if (!session) return;
    clearInterval(session.timer);
    clearTimeout(session.timer);
    if (session.stream) for (const track of session.stream.getTracks()) track.stop();
    hush(session);
    record(false);
    invite(null);
    tell(session, { type: "stop" });
    session.socket?.close();
    session.context.close();
    box()?.classList.remove("on");
    status(why, bad);
    rest().catch(() => {});
  };

  const start = async (wanted) => {
    if (!wanted) return;
    if (!wanted.token) return idle(wanted);
    if (talk) stop();
    status("Connecting…");
    if (!(await putRig(wanted.rig))) return status("This browser cannot draw the face: Live needs WebGL 2.", true);
    face().resting = wanted.idle ? decoded(wanted.idle) : face().resting;
    const session = {
      wanted, socket: null, context: new AudioContext({ sampleRate: RATE }), heard: [], spoken: [], playing: [], sent: 0, extra: 0, began: 0, heardAt: 0, tickedAt: 0,
      timer: 0, stream: null, tries: 0, delay: null, queue: Promise.resolve(), saying: null, speaking: false, voiceAt: 0, recording: false, telling: 0,
    };
    talk = session;
    keep({ on: true });
    const known = Promise.all([program(), portrait().catch(() => ({}))]).then(([there, seen]) => {
      session.program = there;
      if (talk === session) keep({ on: true, program: there, consent: Boolean(wanted.consent), ...seen });
    });
    connect(session);
    await known;
    if (chosen.microphone === "off" || talk !== session) return;
    try { await microphone(session); }
    catch { status("There is no microphone to be heard; type what should be said.", true); }
  };

  // After the page was loaded anew in the middle of a session: as if Start had been pressed.
  const goOn = () => {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(KEPT)); } catch { /* kept nowhere */ }
    if (!kept?.on || talk) return;
    keep(null);
    status(returned || "The connection was lost and is back.");
    button("start")?.click();
  };
  const appears = async (selector, ms, ready = (found) => found) => {
    for (const until = performance.now() + ms; performance.now() < until; await new Promise((done) => setTimeout(done, 200))) {
      const found = document.querySelector(selector);
      if (found && ready(found)) return found;
    }
    return null;
  };
  // What the page is doing while no tab of Live's is open: gone when it is done.
  const telling = (text) => {
    const note = document.querySelector("#live-note") ?? document.body.appendChild(document.createElement("p"));
    note.id = "live-note";
    note.setAttribute("role", "status");
    note.textContent = text;
    note.hidden = !text;
  };
  // Gives a server that was started anew what it knew before: the portrait, its face, and that it may be animated.
  const sendAgain = async (kept) => {
    const place = await appears("#portrait input[type=file]", WAITED);
    if (!place || !kept.picture) return false;
    const files = new DataTransfer();
    files.items.add(new File([await (await fetch(kept.picture)).blob()], "portrait.jpg", { type: "image/jpeg" }));
    place.files = files.files;
    place.dispatchEvent(new Event("change", { bubbles: true }));
    const crop = await appears("#crop img", WAITED);
    if (!crop) return false;
    const face = document.querySelectorAll("#face input")[kept.number], before = crop.src;
    if (face && !face.checked) {
      face.click();
      await appears("#crop img", WAITED, (found) => found.src !== before);
    }
    const consent = document.querySelector("#consent input");
    if (consent && kept.consent && !consent.checked) consent.click();
    return true;
  };
  const comeBack = async () => {
    let kept = null;
    try { kept = JSON.parse(sessionStorage.getItem(KEPT)); } catch { /* kept nowhere */ }
    if (!kept?.on) return;
    const there = await program();
    const anew = Boolean(there && kept.program && there !== kept.program);
    if (anew) telling(ANEW);
    const found = anew ? await sendAgain(kept).catch(() => false) : await appears("#crop img", RESTORED);
    telling("");
    if (talk) return;
    const tab = await appears("#tabs [role=tablist] button[data-tab-id=live-tab]", RESTORED);
    if (!found) keep(null);
    else if (anew) returned = BACK;
    tab?.click();
    if (!found && await appears("#live-status", WAITED))
      status("The server was started anew; add the portrait again and press Start.", true);
  };

  // ---- buttons ----

  const interrupt = () => {
    if (!talk) return;
    talk.saying = null;
    talk.spoken = [];
    hush(talk);
    tell(talk, { type: "interrupt" });
  };
  const record = (on) => {
    if (talk) talk.recording = on;
    const place = button("record");
    if (place) {
      place.textContent = on ? "Stop recording" : "Record";
      place.classList.toggle("recording", on);
    }
  };
  const toggle = () => {
    if (!talk) return status("Press Start first; then what is said and shown can be recorded.", true);
    tell(talk, { type: "record", on: !talk.recording });
    if (!talk.recording) record(true);
  };
  let invited = "";
  const invite = (key = invited) => {
    invited = key;
    const place = document.querySelector("#live-key");
    if (!place) return;
    const address = new URL("live", document.baseURI);
    address.protocol = address.protocol.replace("http", "ws");
    place.textContent = key ? `python assistant.py ${address} ${key}` : "Press Start: the command stands here while a session runs.";
  };
  const choose = (what) => {
    Object.assign(chosen, what);
    if (what.voice === "listen") interrupt(); // what was said before is not spoken any more
    box()?.closest("#live")?.classList.toggle("push", chosen.microphone === "push");
    if (talk && chosen.microphone !== "off" && !talk.stream && what.microphone)
      microphone(talk).catch(() => status("There is no microphone to be heard; type what should be said.", true));
  };
  // A setting of the Make tab while the face talks: it acts from the next piece on.
  const set = (what) => {
    const session = talk;
    if (!session || Object.values(what).some((value) => value === null)) return;
    Object.assign(session.wanted.settings, what);
    clearTimeout(session.setting); // a text is complete when nothing more is typed
    session.setting = setTimeout(() => tell(session, { type: "settings", ...session.wanted.settings, seed: undefined }), SETTLED);
  };
  const hold = (on) => {
    chosen.held = on;
    button("hold")?.classList.toggle("held", on);
  };
  document.addEventListener("pointerdown", (event) => { if (event.target.closest?.("#live-hold")) hold(true); });
  // What an accordion holds is made when it is opened.
  document.addEventListener("click", (event) => { if (event.target.closest?.("#live-assistant")) setTimeout(() => invite(), 100); });
  for (const name of ["pointerup", "pointercancel", "blur"]) window.addEventListener(name, () => { if (chosen.held) hold(false); });
  document.addEventListener("keydown", (event) => {
    if ((event.key === " " || event.key === "Enter") && event.target.closest?.("#live-hold") && !event.repeat) hold(true);
  });
  document.addEventListener("keyup", (event) => { if (chosen.held && (event.key === " " || event.key === "Enter")) hold(false); });
  addEventListener("pagehide", () => talk?.socket?.close());
  comeBack();
  window.modaStudioLive = { start, stop, say, interrupt, toggle, choose, set, portrait: portraitChanged };
})();
