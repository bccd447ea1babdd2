/** The label that tells the two Deployments of the separate form apart, in selector, template and Service. */
export const COLOR = 'color'
export const COLORS = ['blue', 'green'] as const
export type Color = (typeof COLORS)[number]
