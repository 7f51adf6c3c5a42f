import { START, stepsFrom, violationOf, type LeftOutRule, type State } from './hybrid-protocol.js';

export interface Exploration {
  readonly states: number;
  /** The shortest way to a broken promise, the promise last. Empty when none can be broken. */
  readonly violation: readonly string[];
}

interface Visited {
  readonly state: State;
  readonly parent?: Visited;
  readonly label?: string;
}

/** Walks every state that can be reached, breadth first, until a promise is broken or nothing is left. */
export function explore(leftOut?: LeftOutRule): Exploration {
  const seen = new Set([keyOf(START)]);
  let layer: Visited[] = [{ state: START }];
  while (layer.length > 0) {
    const nextLayer: Visited[] = [];
    for (const visited of layer) {
      const broken = violationOf(visited.state);
      if (broken) return { states: seen.size, violation: [...labelsTo(visited), broken] };
      for (const { label, next } of stepsFrom(visited.state, leftOut)) {
        const key = keyOf(next);
        if (seen.has(key)) continue;
        seen.add(key);
        nextLayer.push({ state: next, parent: visited, label });
      }
    }
    layer = nextLayer;
  }
  return { states: seen.size, violation: [] };
}

/** Equal for states that behave alike. Written by hand: this is called millions of times. */
function keyOf(state: State): string {
  const hot = ({ copy, lease }: State['hot']) =>
    `${copy ? copy.token + copy.generation : '-'},${lease ? lease.owner + lease.generation : '-'}`;
  const actors = state.actors.map((actor) => {
    if (actor.kind === 'create') return `${actor.at}${actor.generation ?? ''}`;
    if (actor.kind !== 'read') return actor.at;
    const began = actor.began ? `${Number(actor.began.revoked)}${Number(actor.began.rotated)}` : '';
    const row = actor.row ? actor.row.state + actor.row.token : '';
    return `${actor.at}${actor.generation ?? ''}/${began}/${row}/${actor.accepted ?? ''}`;
  });
  const row = state.row ? state.row.state + state.row.token : '';
  return [
    row,
    hot(state.hot),
    hot(state.replica),
    `${state.generation}${state.failOversLeft}${state.lossesLeft}`,
    `${Number(state.acks.revoked)}${Number(state.acks.rotated)}`,
    ...actors,
  ].join('|');
}

function labelsTo(visited: Visited): string[] {
  const labels: string[] = [];
  for (let at: Visited | undefined = visited; at?.label !== undefined; at = at.parent) labels.unshift(at.label);
  return labels;
}
