/** Names of files: spans name shipped models relative to their folder, the client wants paths. */
import type { DebugProtocol } from '@vscode/debugprotocol';
import type { LaunchFiles } from '../session/load';

/** Files of one launch, by the two names they have. */
export class Sources {
  constructor(
    private readonly files: LaunchFiles,
    private readonly names: readonly string[],
  ) {}

  /** The path of a file of a span. */
  path(file: string): string {
    if (isAbsolute(file)) return file;
    const root = this.files.modelsRoot.replace(/[\\/]$/, '');
    const separator = root.includes('\\') ? '\\' : '/';
    return `${root}${separator}${file.replace(/\//g, separator)}`;
  }

  /** The name that spans use for a path; null if no code of the run comes from it. */
  file(path: string): string | null {
    const wanted = comparable(path);
    return this.names.find(name => comparable(this.path(name)) === wanted) ?? null;
  }

  /** A source for the client. */
  source(file: string): DebugProtocol.Source {
    const path = this.path(file);
    return { name: path.replace(/^.*[\\/]/, ''), path };
  }

  /** All sources of the run. */
  all(): DebugProtocol.Source[] {
    return this.names.map(name => this.source(name));
  }

  /** The text of a file the host has sent; null for shipped models, which came compiled. */
  text(path: string): string | null {
    const { scenario, imports, kernels, drivers } = this.files;
    const sent = [scenario, ...imports, ...Object.values(kernels).flat(), ...drivers];
    return sent.find(file => comparable(file.path) === comparable(path))?.text ?? null;
  }
}

function isAbsolute(path: string): boolean {
  return /^([a-zA-Z]:)?[\\/]|^[a-zA-Z][\w+.-]+:\/\//.test(path);
}

/** Drive letters come in either case, and separators too; in a URI what may be encoded need not be. */
function comparable(path: string): string {
  if (path.includes('://')) return decoded(path);
  const slashes = path.replace(/\\/g, '/');
  return slashes.replace(/^[a-zA-Z]:/, drive => drive.toLowerCase());
}

function decoded(uri: string): string {
  try {
    return decodeURIComponent(uri);
  } catch {
    return uri;
  }
}
