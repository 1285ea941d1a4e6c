import type { Plan } from './plan.js';

/** A plan as text: a paragraph per segment, with the channels that leave it. */
export function planToText(plan: Plan): string {
  const types = new Map(plan.nodes.map((node) => [node.id, node.type]));
  const lines = [
    `${plan.name}: ${count(plan.segments.length, 'segment')}, ${count(plan.channels.length, 'channel')}`,
  ];
  for (const segment of plan.segments) {
    lines.push('', `${segment.id}  runs in ${segment.host}: ${segment.why}`);
    for (const id of segment.nodes)
      lines.push(`    ${types.get(id) === id ? id : `${id}  (${types.get(id) ?? '?'})`}`);
    for (const channel of plan.channels) {
      if (channel.fromSegment === segment.id) {
        lines.push(
          `    ${channel.from} → ${channel.toSegment}: ${channel.to.join(', ')}  (channel ${channel.id})`,
        );
      }
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A plan as a Mermaid flowchart: a box per segment, thick arrows for channels. */
export function planToMermaid(plan: Plan): string {
  const names = new Map(plan.nodes.map((node, index) => [node.id, `n${String(index)}`]));
  const nameOf = (id: string): string => names.get(id) ?? id;
  const lines = ['flowchart LR'];
  for (const segment of plan.segments) {
    lines.push(`  subgraph ${segment.id}["${quote(`${segment.id}: ${segment.host}`)}"]`);
    for (const id of segment.nodes) lines.push(`    ${nameOf(id)}["${quote(id)}"]`);
    lines.push('  end');
  }
  for (const segment of plan.segments) {
    for (const { from, to } of segment.edges) lines.push(`  ${nameOf(from)} --> ${nameOf(to)}`);
  }
  for (const { id, from, to } of plan.channels) {
    for (const target of to) lines.push(`  ${nameOf(from)} ==${id}==> ${nameOf(target)}`);
  }
  return `${lines.join('\n')}\n`;
}

function count(number: number, noun: string): string {
  return `${String(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/** Mermaid reads character references inside quotes, and nothing else may hold a quotation mark. */
function quote(text: string): string {
  return text.replaceAll('#', '#35;').replaceAll('"', '#quot;');
}
