import { settings } from './settings.js';
import { TypeScriptHost, type TypeScriptHostOptions } from './typescript-host.js';

/** How a run that used a host ended. */
export type Return = 'clean' | 'failed' | 'stuck';

interface IdleHost {
  readonly host: TypeScriptHost;
  readonly timer: NodeJS.Timeout;
}

/** Which idle hosts would serve: those that were started as one would be started now. */
const hostKeys = new WeakMap<TypeScriptHost, string>();
/** The one that was used last is at the end: it is taken first. */
const idle = new Map<string, IdleHost[]>();
/** Hosts that are being looked at after a run; each soon is idle, or closed. */
const returning = new Map<string, Set<Promise<void>>>();

/** An idle host, or a new one. {@link returnHost} gives it back. */
export async function takeHost(options: TypeScriptHostOptions): Promise<TypeScriptHost> {
  const key = keyOf(options.kind);
  for (;;) {
    const found = idle.get(key)?.pop();
    if (found !== undefined) {
      clearTimeout(found.timer);
      if (found.host.isDead) continue;
      found.host.serve(options);
      return found.host;
    }
    const coming = returning.get(key);
    if (coming === undefined || coming.size === 0) break;
    await Promise.race(coming);
  }
  const host = await TypeScriptHost.start({ ...options, resourceLimits: settings.resourceLimits });
  hostKeys.set(host, key);
  // Once for all runs: the promise keeps everybody who waits for it.
  void host.death.then(() => {
    forget(host, key);
  });
  return host;
}

/**
 * Gives a host back, with no node left in it. One that is `clean` and whose code does nothing any more is kept for later; of the others
 * nothing is left when this settles.
 */
export async function returnHost(host: TypeScriptHost, how: Return): Promise<void> {
  const key = hostKeys.get(host);
  if (how === 'stuck') await host.kill();
  else if (how === 'failed' || key === undefined || host.isDead || settings.maxIdle === 0) await host.close();
  else {
    const coming = returning.get(key) ?? new Set();
    returning.set(key, coming);
    // The caller has its outputs; it does not wait for this.
    const look = keepIfQuiet(host, key).finally(() => coming.delete(look));
    coming.add(look);
  }
}

/** Lets go of idle hosts that are more than there may be, or no longer as they would be started. */
export function trimIdle(): void {
  for (const [key, hosts] of idle) {
    const kept = key === keyOf(kindOf(key)) ? settings.maxIdle : 0;
    for (const { host } of hosts.slice(0, Math.max(0, hosts.length - kept))) dismiss(host, key);
  }
}

async function keepIfQuiet(host: TypeScriptHost, key: string): Promise<void> {
  const isQuiet = await host.settle().catch(() => false);
  if (!isQuiet || host.isDead) {
    host.dismiss();
    return;
  }
  host.serve({ name: `idle-${kindOf(key)}` });
  const timer = setTimeout(dismiss, settings.idleTimeoutMs, host, key).unref();
  const hosts = idle.get(key) ?? [];
  idle.set(key, hosts);
  hosts.push({ host, timer });
  trimIdle();
}

function dismiss(host: TypeScriptHost, key: string): void {
  forget(host, key);
  host.dismiss();
}

function forget(host: TypeScriptHost, key: string): void {
  const hosts = idle.get(key) ?? [];
  const index = hosts.findIndex((item) => item.host === host);
  if (index < 0) return;
  clearTimeout(hosts[index]?.timer);
  hosts.splice(index, 1);
}

function keyOf(kind: TypeScriptHostOptions['kind']): string {
  return JSON.stringify([kind, process.cwd(), process.execArgv, settings.resourceLimits, process.env]);
}

function kindOf(key: string): TypeScriptHostOptions['kind'] {
  return key.startsWith('["thread"') ? 'thread' : 'process';
}
