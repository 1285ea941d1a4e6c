import { Duplex } from 'node:stream';
import type { LiveSession } from './live-session.js';

/** A session as a stream of Node.js, in object mode. */
export function duplexOf<In, Out>(session: LiveSession<In, Out>): Duplex {
  const duplex: Duplex = new Duplex({
    objectMode: true,
    read: () => {
      session.next().then(
        (step) => duplex.push(step.done === true ? null : step.value),
        (error: unknown) => duplex.destroy(error as Error),
      );
    },
    write: (item: In, _encoding, callback) => {
      let room: Promise<void> | undefined;
      try {
        room = session.write(item);
      } catch (error) {
        callback(error as Error);
        return;
      }
      if (room === undefined) callback();
      else
        room.then(() => {
          callback();
        }, callback);
    },
    final: (callback) => {
      session.end();
      callback();
    },
    destroy: (error, callback) => {
      session.cancel(error ?? undefined).then(() => {
        callback(error);
      }, callback);
    },
  });
  return duplex;
}
