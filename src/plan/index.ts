export {
  chainEdges,
  leavesOf,
  rootsOf,
  successorsOf,
  topologicalOrder,
  type Edge,
  type Graph,
} from './graph.js';
export {
  INPUT,
  OUTPUT,
  planSegments,
  type Channel,
  type Plan,
  type PlannedNode,
  type PlanRequest,
  type Segment,
} from './plan.js';
export { planToMermaid, planToText } from './print.js';
