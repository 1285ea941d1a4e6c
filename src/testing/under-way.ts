/**
 * Whether the program does something at this moment that ends by itself, and that is no fake timer: a turn of the event loop is asked
 * for, or a request to the system (a file, a name look-up, a connection that is being made) has not been answered.
 *
 * An open socket, a pipe or a process says nothing of whether anything will come, and is no sign.
 */
export function somethingIsUnderWay(): boolean {
  return process.getActiveResourcesInfo().some((name) => name === 'Immediate' || name.includes('Req'));
}
