// A tracker for tests: node tracker.mjs SERVER_FILE PORT INTERVAL_SECONDS
// Prints "ready", then one line of JSON for every announce: the event, and the address of the peer.
import net from 'node:net'

const [serverFile, port, seconds] = process.argv.slice(2)
const { default: Server } = await import(serverFile)
const tracker = new Server({ udp: true, http: true, ws: false, stats: false, interval: Number(seconds) * 1000 })

for (const event of ['start', 'update', 'stop', 'complete']) {
  tracker.on(event, peer => console.log(JSON.stringify({ event, peer })))
}
// Its IPv6 socket cannot be bound to an IPv4 address; the others work.
tracker.on('error', () => {})
tracker.on('warning', () => {})
tracker.listen(Number(port), '127.0.0.1')

function probe () {
  const socket = net.connect(Number(port), '127.0.0.1')
  socket.on('connect', () => { socket.destroy(); console.log('ready') })
  socket.on('error', () => setTimeout(probe, 50))
}
probe()

// The end of the test ends it.
process.stdin.on('end', () => process.exit(0)).resume()
