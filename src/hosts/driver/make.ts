import type { Logger } from '../../logging/index.js';
import type { DriverHost } from './driver-host.js';

/** The host that stands for the program that drives this engine; programs that drive themselves load none of it. */
export async function makeDriverHost(address: string, logger: Logger): Promise<DriverHost> {
  const { DriverHost } = await import('./driver-host.js');
  return new DriverHost(address, logger);
}
