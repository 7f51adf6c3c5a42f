/** A protocol as a state machine. Its rules can be left out, to show that each is needed. */
export interface Model<State, Rule extends string> {
  readonly start: State;
  /** Every possible next step. */
  stepsFrom(state: State, leftOut?: Rule): Iterable<Step<State>>;
  /** The broken promise, if any. */
  violationOf(state: State): string | undefined;
  /** A key, equal for states that behave alike. Called millions of times. */
  keyOf(state: State): string;
}

export interface Step<State> {
  readonly label: string;
  readonly next: State;
}

export interface Exploration {
  readonly states: number;
  /** The shortest path to a broken promise, with the promise last. Empty when none can be broken. */
  readonly violation: readonly string[];
}

interface Visited<State> {
  readonly state: State;
  readonly parent?: Visited<State>;
  readonly label?: string;
}

/** Visits every reachable state, breadth first, until a promise is broken or no state is left. */
export function explore<State, Rule extends string>(model: Model<State, Rule>, leftOut?: Rule): Exploration {
  const seen = new Set([model.keyOf(model.start)]);
  let layer: Visited<State>[] = [{ state: model.start }];
  while (layer.length > 0) {
    const nextLayer: Visited<State>[] = [];
    for (const visited of layer) {
      const broken = model.violationOf(visited.state);
      if (broken) return { states: seen.size, violation: [...labelsTo(visited), broken] };
      for (const { label, next } of model.stepsFrom(visited.state, leftOut)) {
        const key = model.keyOf(next);
        if (seen.has(key)) continue;
        seen.add(key);
        nextLayer.push({ state: next, parent: visited, label });
      }
    }
    layer = nextLayer;
  }
  return { states: seen.size, violation: [] };
}

function labelsTo<State>(visited: Visited<State>): string[] {
  const labels: string[] = [];
  for (let at: Visited<State> | undefined = visited; at?.label !== undefined; at = at.parent) labels.unshift(at.label);
  return labels;
}
