export { defaultLogger, type Logger, type LogLevel } from './logger.js';
