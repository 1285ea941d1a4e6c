export { allocateTensor } from './allocate.js';
export { FOLDER_VARIABLE, LIMIT_VARIABLE, slabFolder, whyUnusable, type SlabFolder } from './folder.js';
export { canMap } from './mapping.js';
export type { Region } from './slab.js';
export { SlabTable } from './slab-table.js';
export { SliceLedger } from './slice-ledger.js';
