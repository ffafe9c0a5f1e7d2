// A film of a torrent over HTTP, by an engine of npm: `node node_stream.js ENGINE TORRENT DIRECTORY CONNECTIONS`.
//
// ENGINE is torrent-stream (what peerflix plays with) or webtorrent; modules are found by NODE_PATH. Prints
// {"url": ...}; the engine starts with the first request. Answers GET with a range, in order, as their own servers do.
'use strict'
const fs = require('fs')
const http = require('http')

const [engine, torrent, directory, connections] = process.argv.slice(2)
const load = require(engine)

const starters = {
  'torrent-stream': (given) => {
    const started = load(given, {
      connections: Number(connections), dht: false, tracker: true, path: directory, tmp: directory, verify: true
    })
    return new Promise((resolve) => started.on('ready', () => resolve(started.files[0])))
  },
  webtorrent: (given) => {
    const client = new load({ maxConns: Number(connections), dht: false, lsd: false, utp: false, natUpnp: false, natPmp: false })
    // It goes on to fetch all of it, as its own command does: with nothing selected it would call itself done.
    return new Promise((resolve) => client.add(given, { path: directory }, (added) => resolve(added.files[0])))
  }
}

let film
const server = http.createServer(async (request, response) => {
  film = film || starters[engine](fs.readFileSync(torrent))
  const file = await film
  const start = Number(/bytes=(\d+)-/.exec(request.headers.range || 'bytes=0-')[1])
  const end = file.length - 1
  response.writeHead(206, { 'Content-Length': end - start + 1, 'Content-Range': `bytes ${start}-${end}/${file.length}` })
  const stream = file.createReadStream({ start, end })
  stream.on('error', () => response.destroy())
  response.on('close', () => stream.destroy())
  stream.pipe(response)
})
server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${server.address().port}/film` }))
})
