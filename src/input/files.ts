export interface SourceFile {
  /** relative to the workspace, with forward slashes */
  file: string
  text: string
}

/** Reads manifests: files, directories and globs below the workspace. */
export async function readManifestFiles(workspace: string, patterns: readonly string[]): Promise<SourceFile[]> {
  throw new Error(`not yet ${workspace} ${patterns.length}`)
}

/** The config file; undefined when none was named and the default one does not exist. */
export async function readConfigFile(workspace: string, path: string | undefined): Promise<SourceFile | undefined> {
  throw new Error(`not yet ${workspace} ${path}`)
}
