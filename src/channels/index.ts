export { listener } from '../protocol/index.js';
export { allocateTensor, canMap } from '../slabs/index.js';
export { Borrowers } from './borrowers.js';
export { InFlight } from './in-flight.js';
export { ChannelReceiver, type ReceiverRequest } from './receiver.js';
export { ChannelSender, type SenderRequest } from './sender.js';
export { windowOf } from './window.js';
