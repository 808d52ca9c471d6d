/** Progress of a motion that takes long: it is shown after half a second, and ends with the motion. */

/** How long a motion may take without a word. */
const PATIENCE_MS = 500;

/** Tells the client about long motions, if it wants to know. */
export class Progress {
  isWanted = false;
  private count = 0;

  constructor(private readonly tell: (event: string, body: object) => void) {}

  /** Runs a motion, with progress around it once it has taken long. */
  async around<Result>(title: string, motion: () => Promise<Result>): Promise<Result> {
    let progressId: string | null = null;
    const timer = setTimeout(() => {
      if (!this.isWanted) return;
      progressId = `run ${++this.count}`;
      this.tell('progressStart', {
        progressId,
        title,
        message: 'running; pause stops it',
        cancellable: false,
      });
    }, PATIENCE_MS);
    try {
      return await motion();
    } finally {
      clearTimeout(timer);
      if (progressId !== null) this.tell('progressEnd', { progressId });
    }
  }
}
