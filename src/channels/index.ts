export { listener } from '../protocol/index.js';
export { ChannelReceiver } from './receiver.js';
export { ChannelSender, type SenderRequest } from './sender.js';
export { WINDOW } from './window.js';
