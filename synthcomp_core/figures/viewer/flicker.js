// Two images in turn at the same place: whose turn it is, and the clock that changes it.

export class Flicker {
  /** @param {() => void} onChange */
  constructor(onChange) {
    this.onChange = onChange;
    this.side = 0; // 0 left, 1 right
    this.playing = !window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.period = 700; // ms
    this.ticking = 0; // the period at which the clock runs; 0: it stands
    this.clock = 0;
  }

  /** @param {boolean} playing */
  setPlaying(playing) {
    this.playing = playing;
    this.onChange();
  }

  /** @param {number} period in ms */
  setPeriod(period) {
    this.period = period;
    this.onChange();
  }

  turn() {
    this.side = 1 - this.side;
    this.onChange();
  }

  /**
   * Keeps the clock running exactly while it is seen.
   * @param {boolean} seen
   */
  run(seen) {
    const wanted = seen && this.playing ? this.period : 0;
    if (wanted === this.ticking) return;
    this.ticking = wanted;
    window.clearInterval(this.clock);
    if (wanted) this.clock = window.setInterval(() => this.turn(), wanted);
  }
}
