export { HostProcess } from './host-process.js';
export { keepStdoutFree, passOnOutput, readLine, type HostOutput, type ReadLine } from './output.js';
export { OwnedHost, type HostReady, type OwnedHostOptions } from './owned-host.js';
export { RemoteHost } from './remote-host.js';
export { RemoteNode, roleOfTraits, type ObjectDescription, type Traits } from './remote-node.js';
export type { Vehicle, VehicleEnd } from './vehicle.js';
