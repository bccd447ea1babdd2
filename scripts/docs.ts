/**
 * Writes what is made from the tables in `src/input`: action.yml, the JSON Schema of the config file and the tables of the
 * README. With `--check` nothing is written, and what is stale is told with exit code 1.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { toJsonSchema } from '@valibot/to-json-schema'
import { CONFIG_SCHEMA } from '../src/input/config-schema.ts'
import { INPUTS, OUTPUTS } from '../src/input/inputs.ts'

const root = new URL('../', import.meta.url)

/** A text as a YAML scalar: JSON strings are YAML. */
const quote = (text: string): string => JSON.stringify(text)

export function actionYaml(): string {
  const inputs = INPUTS.flatMap((input) => {
    const choices = input.choices === undefined ? '' : ` One of ${input.choices.join(', ')}.`
    const fallback = input.default === undefined || input.expression !== undefined ? '' : ` Default: ${input.default}.`
    return [
      `  ${input.name}:`,
      `    description: ${quote(`${input.description}${choices}${fallback}`)}`,
      '    required: false',
      ...(input.expression === undefined ? [] : [`    default: ${input.expression}`]),
    ]
  })
  const outputs = OUTPUTS.flatMap(({ name, description }) => [`  ${name}:`, `    description: ${quote(description)}`])
  return [
    '# Made by `npm run docs` from src/input/inputs.ts. Defaults are applied in the code: an input that is left out must stay',
    '# apart from one that is given, because the config file stands between the two.',
    'name: Headgate',
    'description: Progressive delivery for Kubernetes from a GitHub workflow. Nothing is installed in the cluster.',
    'branding:',
    '  icon: droplet',
    '  color: blue',
    'inputs:',
    ...inputs,
    'outputs:',
    ...outputs,
    'runs:',
    '  using: node24',
    '  main: dist/main.js',
    '  post: dist/post.js',
    '',
  ].join('\n')
}

export function schemaJson(): string {
  const schema = toJsonSchema(CONFIG_SCHEMA, { typeMode: 'input', errorMode: 'throw' })
  return `${JSON.stringify({ title: 'Headgate config file', ...schema }, undefined, 2)}\n`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${head.map(() => '---|').join('')}`, ...rows.map(line)].join('\n')
}

export function readmeTables(): Record<string, string> {
  const inputs = INPUTS.map(({ name, description, choices, default: fallback = '', commands }) => {
    const values =
      choices === undefined || choices.join() === 'true,false'
        ? ''
        : ` ${choices.map((word) => `\`${word}\``).join(', ')}.`
    const all = commands.length === INPUTS[0]?.commands.length
    return [`\`${name}\``, fallback, `${description}${values}`, all ? 'all' : commands.join(', ')]
  })
  const outputs = OUTPUTS.map(({ name, description }) => [`\`${name}\``, description])
  return {
    inputs: table(['Input', 'Default', 'What it does', 'Read by'], inputs),
    outputs: table(['Output', 'What it holds'], outputs),
  }
}

/** The README with its tables between the markers renewed; undefined when a pair of markers is missing. */
export function withTables(readme: string): string | undefined {
  let text = readme
  for (const [name, rows] of Object.entries(readmeTables())) {
    const begin = `<!-- ${name}:begin -->`
    const from = text.indexOf(begin)
    const to = text.indexOf(`<!-- ${name}:end -->`)
    if (from < 0 || to < from) return undefined
    text = `${text.slice(0, from)}${begin}\n${rows}\n${text.slice(to)}`
  }
  return text
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(new URL(file, root), 'utf8')
  } catch {
    return undefined
  }
}

/** Every generated file with what it should hold; undefined where that cannot be told. */
export async function generated(): Promise<Record<string, string | undefined>> {
  const readme = await read('README.md')
  return {
    'action.yml': actionYaml(),
    'schema/headgate.schema.json': schemaJson(),
    'README.md': readme === undefined ? undefined : withTables(readme),
  }
}

async function main(check: boolean): Promise<void> {
  for (const [file, wanted] of Object.entries(await generated())) {
    if (wanted === undefined) {
      console.error(`${file}: missing, or without the markers <!-- inputs:begin --> … and <!-- outputs:begin --> …`)
      process.exitCode = 1
    } else if ((await read(file)) !== wanted) {
      if (!check) await writeFile(new URL(file, root), wanted)
      console.log(check ? `${file} is stale: run npm run docs` : `${file} written`)
      if (check) process.exitCode = 1
    }
  }
}

if (import.meta.main) await main(process.argv.includes('--check'))
