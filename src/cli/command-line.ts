/** The commands and their options. This is the one boundary: no mistake of a user ends in a stack trace. */
import { join } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { usualSearch } from '../explore/job';
import { check } from './check';
import { compare } from './compare';
import { conformance } from './conformance';
import { serveAdapter } from './dap';
import { diff } from './diff';
import { explore } from './explore';
import { exportScenario } from './export';
import { readText } from './models';
import { run } from './run';
import { exitCodes, Refusal, type Terminal } from './terminal';

const exitCodeHelp = `
Exit codes:
  0  as expected, or nothing was expected
  1  a verdict differs: a property is violated though all is expected to hold
  2  wrong input or arguments, or a replay that cannot be followed
  3  incomplete: a limit was reached, or an expected violation did not show
`;

/** Runs the command line and answers with the exit code. */
export async function commandLine(args: readonly string[], terminal: Terminal): Promise<number> {
  let code: number = exitCodes.expected;
  const version = await versionOf(terminal);
  const program = commands(terminal, version, value => {
    code = value;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (problem) {
    // Help and version end commander like an error does, with exit code 0.
    if (problem instanceof CommanderError)
      return problem.exitCode === 0 ? exitCodes.expected : exitCodes.wrongInput;
    const text = problem instanceof Error ? problem.message : String(problem);
    terminal.err(
      problem instanceof Refusal ? `${text}\n` : `shootdown: this is a bug of Shootdown: ${text}\n`,
    );
    return exitCodes.wrongInput;
  }
}

function commands(terminal: Terminal, version: string, end: (code: number) => void): Command {
  const program = new Command('shootdown')
    .version(version, '--version', 'print the version')
    .description("Runs and checks scenarios of Linux's mmu_notifier contract.")
    .exitOverride()
    .configureOutput({
      writeOut: terminal.out,
      writeErr: terminal.err,
      getOutHelpWidth: () => terminal.columns,
    });
  program
    .command('run')
    .description('play one schedule of a scenario and judge it')
    .argument('<file>', 'scenario file')
    .option('--scenario <name>', 'which scenario of the file; the first by default')
    .option('--kernel <name>', 'kernel to run on, instead of the one the scenario names')
    .addOption(modelsOption())
    .addOption(new Option('--schedule <name>', 'who runs next').choices(['fair', 'random', 'replay']))
    .option('--seed <number>', 'seed of the random schedule', parseSeed)
    .option('--trace <file>', 'saved schedule to replay')
    .option('--save-trace [file]', 'save the schedule that was played; next to the scenario by default')
    .option('--notation', 'print a report and a diagram as commit messages have them')
    .option('--width <columns>', 'width of the lanes; that of the terminal by default, else 100', parseWidth)
    .option('--all', 'explain every finding, not just the first of each property')
    .option('--costs', 'print what the run cost: callbacks, flushes, invalidations, page requests')
    .option('--json', 'print one event a line')
    .addHelpText('after', exitCodeHelp)
    .action(async (file, options) => end(await run(file, options, terminal)));
  addExplore(program, terminal, end);
  addConformance(program, terminal, end);
  program
    .command('check')
    .description('compile files and print what is wrong with them')
    .argument('<file...>', 'scenario files, or folders of them')
    .option('--scenario <name>', 'check this scenario only')
    .option('--kernel <name>', 'kernel to check against, instead of the one the scenario names')
    .addOption(modelsOption())
    .option('--json', 'print one problem a line')
    .action(async (files, options) => end(await check(files, options, terminal)));
  program
    .command('compare')
    .description('run a scenario on each kernel and with each driver that it fits')
    .argument('<file>', 'scenario file')
    .option('--scenario <name>', 'this scenario only; all of the file by default')
    .addOption(modelsOption())
    .option('--explore', 'also search every interleaving of each')
    .option('--states <number>', 'states visited at most by each search', parseLimit, 1_000_000)
    .option('--seconds <number>', 'time at most for each search', parseLimit, 20)
    .option('--json', 'print one row a line, with callbacks by kind')
    .action(async (file, options) => end(await compare(file, options, terminal)));
  program
    .command('diff')
    .description('print what one kernel changes of another, as a patch')
    .argument('<from>', 'kernel')
    .argument('<to>', 'the other kernel')
    .addOption(modelsOption())
    .option('--json', 'print one declaration a line')
    .action(async (from, to, options) => end(await diff(from, to, options, terminal)));
  addExport(program, terminal, end);
  program
    .command('dap')
    .description('speak the Debug Adapter Protocol on standard input and output')
    .option('--port <number>', 'listen on this port of the loopback interface instead', parsePort)
    .addOption(modelsOption())
    .action(async options => end(await serveAdapter(options, terminal)));
  return program;
}

/** As the package says it. */
async function versionOf({ home }: Terminal): Promise<string> {
  const text = await readText(join(home, 'package.json')).catch(() => '{}');
  const found: unknown = JSON.parse(text);
  const isNamed = typeof found === 'object' && found !== null && 'version' in found;
  return isNamed ? String(found.version) : 'unknown';
}

function addExport(program: Command, terminal: Terminal, end: (code: number) => void): void {
  program
    .command('export')
    .description('write a scenario with its models for another tool')
    .argument('<file>', 'scenario file')
    .option('--promela', 'as Promela, for Spin')
    .option('--output <file>', 'file to write; standard output by default')
    .option('--states <number>', 'states of the search that tells what is needed', parseLimit, 100_000)
    .option('--whole', 'write what no search has reached too')
    .option('--scenario <name>', 'which scenario of the file; the first by default')
    .option('--kernel <name>', 'kernel to run on, instead of the one the scenario names')
    .addOption(modelsOption())
    .action(async (file, options) => end(await exportScenario(file, options, terminal)));
}

function addExplore(program: Command, terminal: Terminal, end: (code: number) => void): void {
  program
    .command('explore')
    .description('search every interleaving of scenarios, and show a shortest way to a violation')
    .argument('<file...>', 'scenario files, or folders of them')
    .option('--scenario <name>', 'explore this scenario only')
    .option('--kernel <name>', 'kernel to run on, instead of the one the scenario names')
    .addOption(modelsOption())
    .addOption(
      new Option('--order <name>', 'breadth-first finds shortest paths; random proves nothing')
        .choices(['breadth', 'depth', 'random'])
        .default(usualSearch.order),
    )
    .addOption(
      new Option('--caches <name>', 'whether fills on speculation and evictions are searched')
        .choices(['search', 'explicit', 'demand'])
        .default(usualSearch.caches),
    )
    .option('--seed <number>', 'seed of the random order; 1 by default', parseSeed)
    .option('--all', 'go on after the first violation, to list every property that can be violated')
    .option('--save-trace [file]', 'save the schedule that is shown; next to the scenario by default')
    .option('--notation', 'print only a report and a diagram as commit messages have them')
    .option('--junit <file>', 'write the verdicts as JUnit XML')
    .option('--no-merge-local', 'make a state of every step, those on locals too')
    .option('--no-merge-guarded', 'make a state of every access to a variable under its lock')
    .option('--no-skip-independent', 'try steps that nobody can tell from later ones in every order')
    .option('--no-clear-dead', 'tell states apart by locals that nobody reads any more')
    .option('--workers <number>', 'threads that search; 0 is one for each core', parseWorkers, 0)
    .option('--states <number>', 'states visited at most', parseLimit, 20_000_000)
    .option('--depth <number>', 'steps of a path at most', parseLimit, 1_000_000)
    .option('--memory <MiB>', 'memory at most', parseLimit, 2048)
    .option('--seconds <number>', 'time at most, for each scenario', parseLimit, 300)
    .option('--not-checked', 'list the lines of the models and the scenario that were never reached')
    .option('--json', 'print one verdict a line')
    .addHelpText('after', exitCodeHelp)
    .action(async (files, options) => end(await explore(files, options, terminal)));
}

function addConformance(program: Command, terminal: Terminal, end: (code: number) => void): void {
  program
    .command('conformance')
    .description('hold the kernel models against recordings of real kernels')
    .argument('[files...]', 'a recording and a scenario; without them, all recorded operations')
    .option('--op <name...>', 'these operations only')
    .option('--kernel <name>', 'this kernel only; of a recording and a scenario, the kernel to play on')
    .addOption(modelsOption())
    .option('--write', 'keep the score, and write docs/conformance.md')
    .option('--json', 'print one cell a line')
    .addHelpText('after', exitCodeHelp)
    .action(async (files, options) => end(await conformance(files, options, terminal)));
}

function modelsOption(): Option {
  const option = new Option('--models <folder>', 'further folder of kernels and drivers (may be repeated)');
  return option.default([], 'none').argParser((value: string, before: string[]) => [...before, value]);
}

function parseSeed(text: string): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > 0xffff_ffff) {
    throw new InvalidArgumentError('expected a whole number up to 4294967295');
  }
  return Number(text);
}

function parseWidth(text: string): number {
  if (!/^\d{2,3}$/.test(text) || Number(text) < 40) {
    throw new InvalidArgumentError('expected a number of columns from 40 to 999');
  }
  return Number(text);
}

function parseLimit(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number from 1 on');
  return Number(text);
}

function parseWorkers(text: string): number {
  if (!/^\d{1,2}$/.test(text) || Number(text) > 64) {
    throw new InvalidArgumentError('expected a number of threads up to 64, or 0 for one for each core');
  }
  return Number(text);
}

function parsePort(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 0xffff) {
    throw new InvalidArgumentError('expected a port from 0 to 65535');
  }
  return Number(text);
}
