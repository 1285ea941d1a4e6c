import { InFlight } from '../../channels/index.js';
import { InvalidArgumentError } from '../../errors/index.js';
import type { AnyNode, CheckedRestart } from '../../node/index.js';
import type { Host, Language, OpenSegment, SegmentRequest } from '../host.js';
import { InProcessHost } from '../in-process/index.js';
import { RestartingSegment } from './restarting-segment.js';

/** A host, and the node that was made in it. */
export interface Incarnation {
  readonly host: Host;
  readonly node: AnyNode;
}

/** What is needed to start a host again. */
export interface RestartingRequest {
  readonly nodeId: string;
  readonly policy: CheckedRestart;
  /** Takes another host, and makes the node in it. */
  readonly remake: () => Promise<Incarnation>;
  /** Whether dead letters go on to a Python program, which can read what only Python can. */
  readonly keepsSealed: boolean;
}

/**
 * Where a node runs that outlives its host: for plans and channels one host, behind it one after the other. The items that go there are
 * kept until what came of them is here, so both ends of all channels but its own are in this process.
 */
export class RestartingHost implements Host {
  /** That of the first one. */
  readonly name: string;
  readonly language: Language;
  /** What lies in memory of a host that has died could not be sent again. */
  readonly canShareMemory = false;
  readonly inFlight: InFlight = new InFlight();
  readonly request: RestartingRequest;
  /** The one of now. */
  current: Incarnation;

  constructor(request: RestartingRequest, first: Incarnation) {
    this.request = request;
    this.current = first;
    this.name = first.host.name;
    this.language = first.host.language;
  }

  /** Whether the one of now is. */
  get isDead(): boolean {
    return this.current.host.isDead === true;
  }

  listen(): Promise<string> {
    return this.current.host.listen();
  }

  /** @throws InvalidArgumentError where the node has to do with a host from which nothing could be had again */
  async open(request: SegmentRequest): Promise<OpenSegment> {
    const { nodeId } = this.request;
    const ends = [
      ...request.inputs.map(({ producer }) => producer),
      ...request.outputs.map(({ consumer }) => consumer),
    ];
    const other = ends.find((host) => !(host instanceof InProcessHost));
    if (other !== undefined) throw besideOther(nodeId, other.name);
    const segment = new RestartingSegment(this, request);
    await segment.open();
    return segment;
  }
}

function besideOther(nodeId: string, host: string): InvalidArgumentError {
  return new InvalidArgumentError(
    'RM_INVALID_ARGUMENT',
    `Node "${nodeId}" has a restart policy, and is connected with the host ${host}: what is on its way between the two could not be had again. Put a node of this program between them, or leave restart out.`,
    { nodeId },
  );
}
