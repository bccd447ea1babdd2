import * as v from 'valibot'
import { JSON_PATH } from '../shared/json-path.ts'
import { address, duration, headers, pattern, section, text, whole } from './schema-parts.ts'

/** How the answers tell which version gave them: exactly one of the three. */
const version = v.pipe(
  section({
    json: v.optional(pattern(JSON_PATH, 'a path such as build.version', 'Place in a JSON body.')),
    header: v.optional(pattern(/^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/, 'the name of a header', 'Header that holds it.')),
    pattern: v.optional(text('Regular expression with one group, searched in the body.')),
  }),
  v.description(
    'Where an answer names its version. Default: the image tags of both versions are looked for in headers and body.',
  ),
)

export const UPDATES_SCHEMA = v.pipe(
  v.union(
    [
      v.literal(false),
      section({
        url: v.optional(address('Ask this address from the runner, over new connections, instead of a Service.')),
        service: v.optional(text('Service to ask through the API server; default: the first that takes part.')),
        path: v.optional(
          pattern(/^\/[\x21-\x7e]*$/, 'a path that begins with /', 'Default: that of the readiness probe, else /.'),
        ),
        port: v.optional(
          v.pipe(
            v.union([whole(1, 65_535, 'Number.'), text('Name.')], 'must be the name or the number of a port'),
            v.description('Port of the Service; default: the one that leads to the readiness probe, else the first.'),
          ),
        ),
        headers: v.optional(headers()),
        interval: v.optional(duration('Time from one request to the next, default 1s.')),
        timeout: v.optional(duration('Longest time for one request, default 5s.')),
        version: v.optional(version),
      }),
    ],
    'must be false or a mapping',
  ),
  v.description('Asks the app steadily during each rollout and tells what users met; false leaves it off.'),
)
