export {
  InProcessHost,
  type ChannelReceiver,
  type ChannelSender,
  type ChannelWiring,
} from './in-process-host.js';
