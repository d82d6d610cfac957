import type { Socket } from 'node:net';
import { joinAddress } from '../../../common/runtime/address.js';
import { FLAG } from '../../http/flags.js';
import { HeaderList } from '../../http/headers.js';
import type { DownstreamStream, LocalReply, RequestHandler } from '../../http/stream.js';
import type { PeerInfo } from '../../http/stream-info.js';
import type { Cluster, ConnectEvents, Host } from '../../upstream/cluster.js';
import { resetReply } from './failure.js';

/** A CONNECT that ends here: its bytes go to a host as TCP (RouteAction.UpgradeConfig.ConnectConfig). */
export class TcpTunnel implements RequestHandler, ConnectEvents {
  private socket: Socket | undefined = undefined;
  private ready = false;
  private over = false;
  private early: Buffer[] = [];
  private requestEnded = false;

  constructor(
    private readonly stream: DownstreamStream,
    private readonly cluster: Cluster,
    private readonly host: Host,
    private readonly reply: (reply: LocalReply) => void,
  ) {}

  start(): this {
    const { info } = this.stream;
    info.upstreamHost = this.host.address;
    info.upstreamHostname = this.host.hostname ?? '';
    info.peerWorkload = this.host.workload;
    this.host.activeRequests++;
    this.host.stats.total++;
    this.socket = this.cluster.connect(this.host, this);
    return this;
  }

  onReady(peer: PeerInfo): void {
    const socket = this.socket;
    if (socket === undefined || this.over) return;
    const { info } = this.stream;
    info.upstreamPeer = peer;
    info.upstreamLocalAddress = joinAddress(socket.localAddress ?? '', socket.localPort ?? 0);
    info.responseCodeDetails = 'via_upstream';
    this.ready = true;
    this.host.stats.success++;
    socket.allowHalfOpen = true;
    this.listen(socket);
    this.stream.sendHead({ status: 200, reason: 'OK', headers: new HeaderList() }, false);
    for (const chunk of this.early) socket.write(chunk);
    this.early = [];
    if (this.requestEnded) socket.end();
    this.stream.setReadable(true);
  }

  onFailed(reason: 'connect-failure' | 'connect-timeout', detail: string): void {
    if (this.over) return;
    this.finish();
    this.host.stats.connectFail++;
    this.host.stats.error++;
    this.cluster.report(this.host, { kind: 'connect-failure' });
    this.stream.info.upstreamTransportFailureReason = detail;
    this.reply(resetReply(reason, detail, false));
  }

  onRequestData(chunk: Buffer, end: boolean): void {
    if (this.over) return;
    this.requestEnded ||= end;
    const socket = this.socket;
    if (!this.ready || socket === undefined) {
      if (chunk.length > 0) this.early.push(chunk);
      this.stream.setReadable(false);
      return;
    }
    if (chunk.length > 0 && !socket.write(chunk)) this.stream.setReadable(false);
    if (end) socket.end();
  }

  onRequestTrailers(): void {
    this.onRequestData(Buffer.alloc(0), true);
  }

  onDownstreamReset(): void {
    if (this.over) return;
    this.finish();
    this.socket?.destroy();
  }

  onDownstreamDrain(): void {
    this.socket?.resume();
  }

  private listen(socket: Socket): void {
    socket.on('data', (chunk: Buffer) => {
      if (!this.over && !this.stream.sendData(chunk, false)) socket.pause();
    });
    socket.on('drain', () => this.stream.setReadable(true));
    socket.on('end', () => this.end());
    socket.on('error', () => this.abort());
    socket.on('close', () => this.abort());
  }

  private end(): void {
    if (this.over) return;
    this.finish();
    this.socket?.end();
    this.stream.sendData(Buffer.alloc(0), true);
  }

  private abort(): void {
    if (this.over) return;
    this.finish();
    this.stream.info.flags |= FLAG.UC;
    this.stream.abort('upstream_reset_after_response_started{connection_termination}');
  }

  private finish(): void {
    this.over = true;
    this.host.activeRequests--;
  }
}
