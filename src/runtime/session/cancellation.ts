/** How long a node may take to return after a cancel, in milliseconds. */
export const CANCEL_TIMEOUT_MS = 5000;

/** Whether a run was cancelled and why, and how long it has been winding down since. */
export class Cancellation {
  reason: unknown;
  isRequested = false;
  #timer: NodeJS.Timeout | undefined;
  #hasExpired = false;
  /** Ends the wait that is under way. */
  #endWait: ((hasEnded: false) => void) | undefined;

  /** Notes the reason; from now on there is only so much time. */
  request(reason: unknown): void {
    this.isRequested = true;
    this.reason = reason;
    this.#startTimer();
  }

  /** What comes next in winding down has time of its own. */
  renew(): void {
    if (!this.isRequested) return;
    clearTimeout(this.#timer);
    this.#hasExpired = false;
    this.#startTimer();
  }

  /** Waits for some work, after a cancel not for ever; gives whether it has ended. One wait goes on at a time. */
  waitFor(work: Promise<unknown>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#endWait = resolve;
      work.then(() => {
        resolve(true);
      }, reject);
      if (this.#hasExpired) resolve(false);
    });
  }

  /** The run has ended. */
  dispose(): void {
    clearTimeout(this.#timer);
  }

  #startTimer(): void {
    this.#timer = setTimeout(() => {
      this.#hasExpired = true;
      this.#endWait?.(false);
    }, CANCEL_TIMEOUT_MS);
  }
}
