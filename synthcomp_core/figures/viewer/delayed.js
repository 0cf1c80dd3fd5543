// A call that is made once nothing has asked for it again for a while.

export class Delayed {
  /**
   * @param {number} delayMs
   * @param {() => void} onDone is called after each call that was made
   */
  constructor(delayMs, onDone) {
    this.delayMs = delayMs;
    this.onDone = onDone;
    this.timer = 0; // 0: nothing is asked for
  }

  /** @param {() => void} call replaces the one asked for before */
  ask(call) {
    this.cancel();
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      call();
      this.onDone();
    }, this.delayMs);
  }

  cancel() {
    window.clearTimeout(this.timer);
    this.timer = 0;
  }
}
