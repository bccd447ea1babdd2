/** On the Deployment while a rollout is under way: the values that the hold replaced, of both sides, as JSON. */
export const ORIGINALS = 'headgate.dev/originals'
/** A sentence for people, in `kubectl describe`: on a Deployment where it rests, on a ReplicaSet why it is kept. */
export const SENTENCE = 'headgate.dev/rollout'
/** On a route while a rollout parts its requests: how, as JSON, so that a foreign change of it can be told from an own one. */
export const SPLIT = 'headgate.dev/split'
