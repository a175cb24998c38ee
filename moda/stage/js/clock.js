// The clock of the stage: the sound's own where there is sound, the page's otherwise.

/** Samples a second of a plain wav file (ArrayBuffer); 0 for what is none. */
function wavRate(bytes) {
  if (bytes.byteLength < 28) return 0;
  const view = new DataView(bytes), tag = (at) => String.fromCharCode(...new Uint8Array(bytes, at, 4));
  return tag(0) === "RIFF" && tag(12) === "fmt " ? view.getUint32(24, true) : 0;
}

export class Clock {
  constructor() {
    this.context = null;
    this.buffer = null;
    this.source = null;
    this.playing = false;
    this.rate = 1;
    this.loop = false;
    this.duration = 0;
    this.offset = 0; // seconds of the take at `since`
    this.since = 0;
    this.onend = () => {};
  }

  /** rate: of the sound to come, where it is known. A long one kept at the rate of loudspeakers would be three times as large. */
  audio(rate) {
    if (!this.context) {
      const Context = window.AudioContext || window.webkitAudioContext;
      if (!Context) return null;
      const options = { latencyHint: "interactive" };
      try { this.context = new Context(rate ? { ...options, sampleRate: rate } : options); }
      catch { this.context = new Context(options); } // a rate that this browser does not play
      this.gain = this.context.createGain();
      this.gain.connect(this.context.destination);
    }
    return this.context;
  }

  /** Sound of a file (ArrayBuffer, taken over), or null for none. */
  async setSound(bytes) {
    const was = this.playing, at = this.position();
    this.stop();
    this.buffer = bytes && this.audio(wavRate(bytes)) ? await this.context.decodeAudioData(bytes) : null;
    if (was) await this.play(at);
    else this.offset = at;
  }

  /** Seconds of the sound that leave the speakers now, on the context's time line. */
  heard() {
    if (!this.buffer) return performance.now() / 1000;
    const context = this.context;
    const now = performance.now();
    const stamp = context.getOutputTimestamp?.();
    if (stamp && stamp.performanceTime > 0 && stamp.contextTime > 0) {
      // What is being heard lies behind what is being computed by the output's latency; never run past it.
      return Math.min(stamp.contextTime + (now - stamp.performanceTime) / 1000, context.currentTime);
    }
    return context.currentTime - (context.outputLatency || context.baseLatency || 0);
  }

  /** Where the take is now, seconds. */
  position() {
    if (!this.playing) return this.offset;
    let at = this.offset + Math.max(this.heard() - this.since, 0) * this.rate;
    const period = this.period();
    if (this.loop && period > 0) return at % period;
    return this.duration > 0 ? Math.min(at, this.duration) : at;
  }

  /** After how many seconds a loop begins again. */
  period() {
    return this.buffer ? Math.min(this.duration || this.buffer.duration, this.buffer.duration) : this.duration;
  }

  async play(from = this.position()) {
    this.stop();
    if (this.duration > 0 && from >= this.duration - 0.01) from = 0;
    this.offset = from;
    if (this.buffer) {
      if (this.context.state !== "running") await this.context.resume();
      this.source = this.context.createBufferSource();
      this.source.buffer = this.buffer;
      this.source.playbackRate.value = this.rate;
      this.source.connect(this.gain);
      this.source.loop = this.loop;
      this.source.loopEnd = this.period();
      this.since = this.context.currentTime + 0.02;
      this.source.start(this.since, Math.min(from, Math.max(this.buffer.duration - 0.001, 0)));
    } else this.since = performance.now() / 1000;
    this.playing = true;
  }

  stop() {
    const at = this.position();
    if (this.source) {
      this.source.onended = null;
      try { this.source.stop(); } catch { /* it had not begun */ }
      this.source.disconnect();
      this.source = null;
    }
    this.playing = false;
    this.offset = at;
  }

  async seek(seconds) {
    const at = Math.min(Math.max(seconds, 0), this.duration || seconds);
    if (this.playing) await this.play(at);
    else this.offset = at;
  }

  async change({ rate = this.rate, loop = this.loop }) {
    const at = this.position(), was = this.playing;
    this.stop();
    Object.assign(this, { rate, loop });
    if (was) await this.play(at);
  }

  close() {
    this.stop();
    this.context?.close();
    this.context = null;
  }
}
