// Loaded into every Node program under `tuning-emulator exec`, because Node's fetch, https and http2 read no proxy
// variables. Connections to the hosts that the emulator stands in for lead to it; the host name, and with it TLS,
// stays that of Google. Other hosts are refused on the ports of HTTP, as by the emulator as a proxy.
'use strict';

const net = require('node:net');

const { emulator, hosts, passes } = JSON.parse(process.env.TUNING_EMULATOR_NODE);
const HTTP_PORTS = [80, 443];

function parsePattern(text) {
  const [, host, port] = /^(.*?)(?::(\d+))?$/.exec(text.toLowerCase());
  const source = host === '*' ? '.*' : host.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.+');
  return { host: new RegExp(`^${source}$`), port: port ? Number(port) : null };
}

const served = hosts.map(parsePattern);
const passed = passes.map(parsePattern);
const named = passes.filter((text) => !text.includes('*')).map(parsePattern);

function matches(patterns, host, port) {
  return patterns.some((pattern) => pattern.host.test(host) && [null, port].includes(pattern.port));
}

function isLocal(host) {
  return host === 'localhost' || host === '::1' || host === emulator.host || /^127\./.test(host);
}

const connect = net.Socket.prototype.connect;

net.Socket.prototype.connect = function connectByWayOfTheEmulator(...args) {
  const [options, callback] = Array.isArray(args[0]) ? args[0] : net._normalizeArgs(args);
  const host = String(options.host || 'localhost').toLowerCase();
  const port = Number(options.port);
  if (options.path || !HTTP_PORTS.includes(port) || isLocal(host)) return connect.apply(this, args);
  if (matches(named, host, port)) return connect.apply(this, args);
  if (matches(served, host, port)) {
    if (this.encrypted && !options.servername && !net.isIP(host)) this.setServername(host);
    return connect.call(this, { ...options, host: emulator.host, port: emulator.port }, callback);
  }
  if (matches(passed, host, port)) return connect.apply(this, args);
  const text = `${host} is not served by tuning-emulator and not let through to the network; `
    + `to let it through, set TUNING_EMULATOR_PASS_HOSTS=${host} or --pass-host ${host}`;
  const error = Object.assign(new Error(text), { code: 'ECONNREFUSED', host, port });
  process.nextTick(() => this.destroy(error)); // its maker has not finished with it
  return this;
};
