/** How long a node may take to return after a cancel, in milliseconds. */
export const CANCEL_TIMEOUT_MS = 5000;

/** Whether a run was cancelled and why, and how long it has been winding down since. */
export class Cancellation {
  reason: unknown;
  isRequested = false;
  #timer: NodeJS.Timeout | undefined;
  #expire: () => void = () => undefined;
  #expired: Promise<boolean> = this.#makeExpiry();

  /** Notes the reason; from now on there is only so much time. */
  request(reason: unknown): void {
    this.isRequested = true;
    this.reason = reason;
    this.#timer = setTimeout(this.#expire, CANCEL_TIMEOUT_MS);
  }

  /** What comes next in winding down has time of its own. */
  renew(): void {
    if (!this.isRequested) return;
    clearTimeout(this.#timer);
    this.#expired = this.#makeExpiry();
    this.#timer = setTimeout(this.#expire, CANCEL_TIMEOUT_MS);
  }

  /** Waits for some work, after a cancel not for ever; gives whether it has ended. */
  async waitFor(work: Promise<unknown>): Promise<boolean> {
    return Promise.race([work.then(() => true), this.#expired]);
  }

  /** The run has ended. */
  dispose(): void {
    clearTimeout(this.#timer);
  }

  #makeExpiry(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#expire = () => {
        resolve(false);
      };
    });
  }
}
