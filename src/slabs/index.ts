export { allocateTensor } from './allocate.js';
export { FOLDER_VARIABLE, LIMIT_VARIABLE, slabFolder, whyUnusable, type SlabFolder } from './folder.js';
export { canMap } from './mapping.js';
export type { Giving } from './giving.js';
export type { Statement } from './keeping.js';
export type { Region } from './slab.js';
export { SlabTable } from './slab-table.js';
export { SliceLedger } from './slice-ledger.js';
