import { changeSettings, type HostSettings } from './settings.js';

/**
 * Says how worker threads and processes of TypeScript nodes are kept between runs, and what a worker may use. Holds for the whole program;
 * what is left out stays as it is. Hosts that do not fit any more end with the run that they serve.
 *
 * @example
 * ```ts
 * configureHosts({ maxIdle: 2, idleTimeoutMs: 5_000, resourceLimits: { maxOldGenerationSizeMb: 512 } });
 * ```
 * @throws InvalidArgumentError `RM_INVALID_ARGUMENT` for a number below 0.
 */
export function configureHosts(settings: HostSettings): void {
  changeSettings(settings);
  // Where none was started there is none to let go of.
  void import('./pool.js').then(({ trimIdle }) => {
    trimIdle();
  });
}
