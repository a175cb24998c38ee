// The Live tab: sound goes to the WebSocket in pieces, motion comes back and moves the face; see docs/live.md.
(() => {
  const RATE = 16000, TICK = 40, LEAD = 120;
  const WORKLET = `registerProcessor("take", class extends AudioWorkletProcessor {
    process(inputs) { if (inputs[0][0]) this.port.postMessage(inputs[0][0].slice()); return true; }
  });`;
  const face = () => document.querySelector("#live-box moda-stage");
  const status = (text, bad = false) => {
    const place = document.querySelector("#live-status");
    if (place) {
      place.textContent = text;
      place.classList.toggle("bad", bad);
    }
  };
  let talk = null; // the session that runs
  let muted = false;

  const fetched = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return answer.arrayBuffer();
  };

  const microphone = async (session) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    session.stream = stream;
    const context = session.context;
    await context.audioWorklet.addModule(URL.createObjectURL(new Blob([WORKLET], { type: "text/javascript" })));
    const node = new AudioWorkletNode(context, "take");
    node.port.onmessage = ({ data }) => { if (!muted) session.heard.push(data); };
    context.createMediaStreamSource(stream).connect(node);
  };

  // Takes so many samples out of a list of pieces; silence where there are no more.
  const taken = (pieces, count) => {
    const out = new Float32Array(count);
    let at = 0;
    while (at < count && pieces.length) {
      const piece = pieces[0], share = Math.min(piece.length, count - at);
      out.set(piece.subarray(0, share), at);
      if (share === piece.length) pieces.shift();
      else pieces[0] = piece.subarray(share);
      at += share;
    }
    return out;
  };

  const send = (session) => {
    if (session.socket.readyState !== WebSocket.OPEN) return;
    const due = Math.floor(((performance.now() - session.began) * RATE) / 1000) - session.sent;
    if (due < RATE * TICK / 2000) return;
    const count = Math.min(due, RATE);
    const spoken = session.spoken.length ? session.spoken : session.heard;
    if (session.heard.reduce((sum, piece) => sum + piece.length, 0) > RATE / 2) session.heard.splice(0, session.heard.length - 8);
    const sound = taken(spoken, count);
    const pcm = new Int16Array(count);
    for (let k = 0; k < count; k++) pcm[k] = Math.max(-1, Math.min(1, sound[k])) * 32767;
    session.socket.send(pcm.buffer);
    session.sent += due;
  };

  const received = (session, data) => {
    face().push(data);
    const view = new DataView(data), last = view.getUint32(0, true) + (data.byteLength - 4) / 140;
    const lag = performance.now() - (session.began + last * TICK);
    session.lags.push(lag);
    if (session.lags.length > 40) session.lags.shift();
    const middle = [...session.lags].sort((a, b) => a - b)[session.lags.length >> 1];
    face().dataset.frames = String(last);
    status(`Live. The face follows the sound by about ${Math.round(middle / 10) * 10} ms.`);
  };

  const stop = (why = "Stopped.") => {
    const session = talk;
    talk = null;
    if (!session) return;
    clearInterval(session.timer);
    if (session.stream) for (const track of session.stream.getTracks()) track.stop();
    if (session.socket.readyState === WebSocket.OPEN) session.socket.send(JSON.stringify({ type: "stop" }));
    session.socket.close();
    session.context.close();
    document.querySelector("#live-box")?.classList.remove("on");
    status(why);
  };

  const start = async (wanted) => {
    stop();
    if (!wanted || !wanted.token) return;
    const stage = face();
    status("Connecting…");
    stage.hidden = false;
    await stage.setRig(await fetched(wanted.rig));
    if (!stage.painter?.rig) return status("This browser cannot draw the face: Live needs WebGL 2.", true);
    const place = new URL("live", document.baseURI);
    place.protocol = place.protocol.replace("http", "ws");
    const session = {
      socket: new WebSocket(place), context: new AudioContext({ sampleRate: RATE }), heard: [], spoken: [], lags: [], sent: 0,
      began: 0, timer: 0, stream: null,
    };
    talk = session;
    session.socket.binaryType = "arraybuffer";
    session.socket.onopen = () => session.socket.send(JSON.stringify(
      { type: "start", portrait: wanted.token, consent: wanted.consent, settings: wanted.settings }));
    session.socket.onclose = () => { if (talk === session) stop("The connection was lost; press Start to go on."); };
    session.socket.onmessage = ({ data }) => {
      if (talk !== session) return;
      if (typeof data !== "string") return received(session, data);
      const said = JSON.parse(data);
      if (said.type === "ready") {
        stage.start(said.reference, said.neutral, said.fps);
        session.began = performance.now();
        session.timer = setInterval(() => send(session), TICK);
        document.querySelector("#live-box")?.classList.add("on");
        status("Live.");
      } else if (said.message) {
        stop(said.message);
        status(said.message, true);
      }
    };
    if (wanted.microphone) {
      try { await microphone(session); }
      catch { status("There is no microphone to be heard; type what should be said.", true); }
    }
  };

  // A finished sound: spoken by the face, and heard when its lips are there.
  const say = async (wanted) => {
    if (!wanted || !wanted.sound) return;
    const session = talk;
    if (!session) return status("Press Start first.", true);
    const sound = await session.context.decodeAudioData(await fetched(wanted.sound));
    if (talk !== session) return;
    await session.context.resume();
    const waiting = session.spoken.reduce((sum, piece) => sum + piece.length, 0);
    session.spoken.push(sound.getChannelData(0).slice());
    const node = session.context.createBufferSource();
    node.buffer = sound;
    node.connect(session.context.destination);
    const first = (session.sent + waiting) / RATE; // second of the session at which it begins
    const live = face().live;
    const shown = live && live.first !== null ? live.began - live.first * TICK : session.began + LEAD;
    const delay = Math.max(0, shown + first * 1000 - performance.now()) / 1000;
    node.start(session.context.currentTime + delay);
  };

  const mute = (on) => { muted = on; };
  const interrupt = () => {
    if (!talk) return;
    talk.spoken.length = 0;
    talk.socket.send(JSON.stringify({ type: "interrupt" }));
  };
  window.modaStudioLive = { start, stop, say, mute, interrupt };
})();
