import type { ModuleImport } from './module-graph.js';
import { roomOf } from './rooms.js';

type Arrows = ReadonlyMap<string, readonly string[]>;

/** Which files each file imports. */
export function fileArrows(graph: ReadonlyMap<string, readonly ModuleImport[]>): Arrows {
  return new Map([...graph].map(([file, imports]) => [file, targetsOf(imports)]));
}

/** Which folders the files of each folder import, itself aside. */
export function folderArrows(graph: ReadonlyMap<string, readonly ModuleImport[]>): Arrows {
  const folders = new Map<string, Set<string>>();
  for (const [file, imports] of graph) {
    const folder = roomOf(file);
    const targets = folders.get(folder) ?? new Set();
    for (const target of targetsOf(imports)) if (roomOf(target) !== folder) targets.add(roomOf(target));
    folders.set(folder, targets);
  }
  return new Map([...folders].map(([folder, targets]) => [folder, [...targets]]));
}

function targetsOf(imports: readonly ModuleImport[]): string[] {
  return imports.flatMap(({ file }) => (file === undefined ? [] : [file]));
}

/** Groups of nodes that all reach each other, by Tarjan's algorithm, and nodes that reach themselves by one arrow. */
export function findCircles(arrows: Arrows): string[][] {
  const circles: string[][] = [];
  const order = new Map<string, number>();
  const lowest = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): number => {
    const index = order.size;
    order.set(node, index);
    lowest.set(node, index);
    stack.push(node);
    for (const target of arrows.get(node) ?? []) {
      const reached = order.has(target)
        ? stack.includes(target)
          ? (order.get(target) ?? index)
          : index
        : visit(target);
      lowest.set(node, Math.min(lowest.get(node) ?? index, reached));
    }
    if (lowest.get(node) === index) {
      const group = stack.splice(stack.indexOf(node)).toSorted();
      if (group.length > 1 || arrows.get(node)?.includes(node)) circles.push(group);
    }
    return lowest.get(node) ?? index;
  };
  for (const node of arrows.keys()) if (!order.has(node)) visit(node);
  return circles;
}
