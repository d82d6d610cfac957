import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { UsageError } from '../command.js';
import { applyCapture, nameServers, networkIpv6, runProgram } from '../init/apply.js';
import { restoreScript } from '../init/restore.js';
import { captureRules } from '../init/rules.js';
import { type InitFlags, readFlags } from '../init/settings.js';

interface Options extends InitFlags {
  readonly dryRun?: boolean;
}

/** `weft init`: leads a pod's traffic through its sidecar, with the flags of istio-iptables. */
export function configure(command: Command): void {
  command
    .option('-p, --envoy-port <port>', 'where captured outbound connections go', '15001')
    .option('-z, --inbound-capture-port <port>', 'where captured inbound connections go', '15006')
    .option('-u, --proxy-uid <uids>', 'users whose own connections are left alone', '1337')
    .option('-g, --proxy-gid <gids>', 'groups whose own connections are left alone', '1337')
    .option('-m, --istio-inbound-interception-mode <mode>', 'REDIRECT or TPROXY', 'REDIRECT')
    .option('-t, --istio-inbound-tproxy-mark <mark>', 'mark of packets for TPROXY', '1337')
    .option('-r, --istio-inbound-tproxy-route-table <table>', 'routing table for TPROXY', '133')
    .option('-b, --istio-inbound-ports <ports>', 'inbound ports to capture, * for all', '*')
    .option('-d, --istio-local-exclude-ports <ports>', 'inbound ports to leave alone when all are captured', '')
    .option('-i, --istio-service-cidr <blocks>', 'destinations to capture, * for all', '*')
    .option('-x, --istio-service-exclude-cidr <blocks>', 'destinations to leave alone', '')
    .option('-q, --istio-outbound-ports <ports>', 'outbound ports to capture wherever they lead', '')
    .option('-o, --istio-local-outbound-ports-exclude <ports>', 'outbound ports to leave alone', '')
    .option('-c, --istio-exclude-interfaces <names>', 'interfaces to leave alone', '')
    .option('-k, --kube-virt-interfaces <names>', 'interfaces whose inbound traffic is outbound', '')
    .option('--redirect-dns', "capture DNS queries to the pod's name servers")
    .option('--capture-all-dns', 'capture DNS queries to any server')
    .addOption(new Option('-n, --dry-run', 'print the rules and change nothing'))
    .addHelpText(
      'after',
      '\nExamples:\n  weft init -p 15001 -z 15006 -u 1337 -m REDIRECT -i "*" -x "" -b "*" -d 15090,15021,15020\n  weft init --dry-run -x 10.0.0.0/8',
    )
    .action((options: Options) => {
      const read = readFlags(options, nameServers(readIfThere('/etc/resolv.conf')));
      if ('errors' in read) throw new UsageError(read.errors.join('\n'));
      if (options.dryRun === true) {
        for (const family of ['v4', 'v6'] as const) {
          process.stdout.write(`# ${family === 'v4' ? 'IPv4' : 'IPv6'}\n`);
          process.stdout.write(restoreScript(captureRules(read.settings, family), ''));
        }
        return;
      }
      const { notes, errors } = applyCapture(read.settings, runProgram, networkIpv6());
      for (const note of notes) process.stdout.write(`${note}\n`);
      for (const error of errors) process.stderr.write(`weft init: ${error}\n`);
      if (errors.length > 0) process.exitCode = 1;
    });
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
