/**
 * Sets of fields as `managedFields[].fieldsV1` writes them: a tree whose keys are `f:<name>`, `k:<json of the key fields>`,
 * `v:<json>` or `i:<index>`. An empty node is a member of the set; a node with children is a member itself only when it
 * has the key `.` (structured-merge-diff `fieldpath/serialize.go`).
 */
export interface FieldSet {
  [key: string]: FieldSet
}

function isLeaf(set: FieldSet): boolean {
  return Object.keys(set).length === 0
}

function explicit(set: FieldSet): FieldSet {
  return isLeaf(set) ? { '.': {} } : set
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = { ...a }
  for (const [key, theirs] of Object.entries(b)) {
    const ours = result[key]
    if (ours === undefined) result[key] = theirs
    else if (!isLeaf(ours) || !isLeaf(theirs)) result[key] = union(explicit(ours), explicit(theirs))
  }
  return result
}

/** True when the field itself is a member. */
export function hasField(set: FieldSet, path: string[]): boolean {
  let at: FieldSet | undefined = set
  for (const key of path) at = at?.[key]
  return at !== undefined && (isLeaf(at) || at['.'] !== undefined)
}

/** The set without a field and all below it; parents that are left without a member go too. */
export function withoutField(set: FieldSet, path: string[]): FieldSet {
  const [key, ...rest] = path
  const child = set[key ?? '']
  if (key === undefined || child === undefined) return set
  const { [key]: _, ...others } = set
  if (rest.length === 0) return others
  const less = withoutField(child, rest)
  return isLeaf(less) && !isLeaf(child) ? others : { ...others, [key]: less }
}
