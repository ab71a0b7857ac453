/** What happened, and what to do about it. */
type Words = readonly [what: string, action: string]

const TRY_AGAIN = 'Try again in a moment.'
const ADDRESS = 'Check host and port in DATABASE_URL, and that the database runs there.'
const CERTIFICATE =
  "Give the database a certificate that this machine trusts, or name the authority's with sslrootcert=FILE in DATABASE_URL."

/** SQLSTATEs, and what a driver, the network or TLS says on the way to the database. */
const database: Readonly<Record<string, Words>> = {
  '08P01': [
    'What answers at the address of the database refused the connection',
    'Check that DATABASE_URL leads to Postgres; a pooler in front of it may refuse what Stewrd asks for.',
  ],
  '22P05': ['A text holds a character that the database cannot store', 'Use a database with the encoding UTF8.'],
  '25006': [
    'The database is read-only: it is a replica, or was made so',
    'Point DATABASE_URL at the primary, or let it be written to.',
  ],
  '28000': [
    'The database does not let this user in from here, or only over TLS',
    'Check the user in DATABASE_URL and the entries of pg_hba.conf; where TLS is demanded, add sslmode=require.',
  ],
  '28P01': ['The database refused the password of its user', 'Correct user and password in DATABASE_URL.'],
  '3D000': ['The database that DATABASE_URL names does not exist', 'Create it, or correct the name.'],
  '3F000': [
    'The schema "public" is missing from the database',
    'Create it, and let the database user create tables there.',
  ],
  '42501': [
    'The database user may not do this',
    'Let it own the database, or run as an administrator: grant create, usage on schema public to that user.',
  ],
  '42P01': [
    'A table of Stewrd is missing from the database',
    'Check that DATABASE_URL names the right database; restore a backup if it was removed.',
  ],
  '53100': ['The disk of the database is full', 'Free some space there: nothing can be saved until then.'],
  '53200': ['The database is out of memory', 'Give it more, or lower STEWRD_DATABASE_POOL.'],
  '53300': [
    'The database takes no more connections from this user',
    'Raise its limit (max_connections, or the connection limit of the user or the database), or lower STEWRD_DATABASE_POOL.',
  ],
  '55P03': ['The database is busy with another change of the same rows', TRY_AGAIN],
  '57014': ['The database took too long, and the statement was stopped', TRY_AGAIN],
  '57P01': ['The database is being shut down', 'Start it again, then try again.'],
  '57P02': ['The database crashed and is recovering', TRY_AGAIN],
  '57P03': ['The database is starting up, or recovering, and takes no connections yet', TRY_AGAIN],
  '58030': ['The database cannot read or write its disk', 'Check the disk of the database and its log.'],
  '58P01': [
    'A file of the database is missing',
    'Check the log of the database; restore a backup if data was removed.',
  ],
  XX001: ['The data of the database is damaged', 'Check the disk of the database, and restore a backup.'],
  XX002: ['An index of the database is damaged', 'Check the disk of the database; then run: reindex database.'],
  CONNECT_TIMEOUT: ['The database did not answer in time', ADDRESS],
  CONNECTION_CLOSED: ['The database closed the connection', TRY_AGAIN],
  CONNECTION_DESTROYED: ['The connection to the database was closed, because this process ends', TRY_AGAIN],
  CONNECTION_ENDED: ['The connection to the database was closed, because this process ends', TRY_AGAIN],
  SASL_SIGNATURE_MISMATCH: [
    'The database did not prove that it knows the password',
    'Check that DATABASE_URL leads to the right server.',
  ],
  TLS_NOT_OFFERED: [
    'The database offers no TLS, which sslmode in DATABASE_URL demands',
    'Turn it on there, or use sslmode=disable where the way to the database is trusted.',
  ],
  EACCES: ['This user may not use the socket of the database', 'Check the path in DATABASE_URL and who may use it.'],
  EADDRNOTAVAIL: ['The address of the database cannot be used from this machine', ADDRESS],
  EAI_AGAIN: ['The name of the database host cannot be looked up just now', 'Check the network and its name server.'],
  ECONNREFUSED: ['Nothing listens at the address of the database', ADDRESS],
  ECONNRESET: ['The connection to the database was cut', TRY_AGAIN],
  EHOSTUNREACH: ['There is no way to the database host', 'Check the network, and the host in DATABASE_URL.'],
  EMFILE: ['This process has too many files open', 'Raise its limit (ulimit -n), then start again.'],
  ENETUNREACH: ['There is no way to the network of the database', 'Check the network, and the host in DATABASE_URL.'],
  ENOENT: ['There is no socket of a database at the path in DATABASE_URL', 'Start the database, or correct the path.'],
  ENOTFOUND: ['The host of the database is not known', 'Correct the host name in DATABASE_URL.'],
  EPIPE: ['The connection to the database was cut', TRY_AGAIN],
  ETIMEDOUT: ['The database host does not answer', `${ADDRESS.slice(0, -1)}; a firewall may be in between.`],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['The certificate of the database is self-signed, and not trusted', CERTIFICATE],
  SELF_SIGNED_CERT_IN_CHAIN: [
    'The certificate of the database comes from an authority that is not trusted',
    CERTIFICATE,
  ],
  UNABLE_TO_GET_ISSUER_CERT: ['The authority of the certificate of the database is not known', CERTIFICATE],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['The authority of the certificate of the database is not known', CERTIFICATE],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['The certificate of the database cannot be verified', CERTIFICATE],
  CERT_HAS_EXPIRED: ['The certificate of the database has expired', 'Renew it on the database server.'],
  CERT_NOT_YET_VALID: [
    'The certificate of the database is not valid yet',
    'Check the clocks of this machine and of the database server.',
  ],
  CERT_REVOKED: ['The certificate of the database was revoked', 'Renew it on the database server.'],
  ERR_TLS_CERT_ALTNAME_INVALID: [
    'The certificate of the database is for another host name',
    'Use the name that the certificate has in DATABASE_URL, or give the server one for this name.',
  ],
  EPROTO: [
    'The database and this machine agree on no way to use TLS',
    'Check the TLS settings of the database, and sslmode in DATABASE_URL.',
  ],
  ERR_SSL_WRONG_VERSION_NUMBER: [
    'The database does not speak TLS at this address',
    'Correct the port in DATABASE_URL, or use sslmode=disable.',
  ],
}

const SPACE = 'Free some space where STEWRD_HOME, or the file that you named, lies; then try again.'
const OWNER = 'Check the owner and the permissions of STEWRD_HOME, and of the file that you named.'

/** What the system says of files, addresses and processes. */
const system: Readonly<Record<string, Words>> = {
  ENOSPC: ['The disk is full', SPACE],
  EDQUOT: ['The quota of this user on the disk is used up', SPACE],
  EROFS: ['The disk is mounted read-only', 'Mount it so that it can be written, or choose another STEWRD_HOME.'],
  EIO: ['The disk cannot be read or written', 'Check the disk and its cable, and the log of the system.'],
  EACCES: [
    'This user may not use a file, a folder or a port',
    `${OWNER.slice(0, -1)}; a PORT below 1024 needs more rights.`,
  ],
  EPERM: ['This user may not do this', OWNER],
  ENOENT: ['A file or a folder is missing', 'Check STEWRD_HOME, and the path that you named.'],
  ENOTDIR: ['A part of a path is no folder', 'Check STEWRD_HOME, and the path that you named.'],
  EISDIR: ['There is a folder where a file is needed', 'Check STEWRD_HOME, and the path that you named.'],
  EEXIST: ['There is a file of this name already', 'Choose another name, or move it away.'],
  ENAMETOOLONG: ['A path is too long', 'Choose a shorter one.'],
  ELOOP: ['A path leads in a circle', 'Check the links on the way to it.'],
  ESTALE: ['A network folder is not there any more', 'Mount it again.'],
  EBUSY: ['A file or a folder is in use', 'End what uses it, then try again.'],
  EFBIG: ['A file would be larger than this disk allows', 'Choose another disk.'],
  EXDEV: ['A file cannot be moved to another disk', 'Keep both on one disk.'],
  ENOMEM: ['The machine is out of memory', 'Free some, then try again.'],
  EMFILE: ['This process has too many files open', 'Raise its limit (ulimit -n), then start again.'],
  ENFILE: ['The machine has too many files open', 'End what holds them, or raise its limit.'],
  EADDRINUSE: ['The port is in use', 'Set PORT to another one, or stop what listens there.'],
  EADDRNOTAVAIL: ['HOST is no address of this machine', 'Set HOST to one that it has, or to 0.0.0.0 for all.'],
  EPIPE: ['What reads the output ended', 'Start it again.'],
  ECONNREFUSED: ['Nothing listens at an address that is needed', 'Check the address, and that the service runs there.'],
  ECONNRESET: ['A connection was cut', TRY_AGAIN],
  ETIMEDOUT: ['A service does not answer', 'Check its address, and the network.'],
  EHOSTUNREACH: ['There is no way to a host that is needed', 'Check its address, and the network.'],
  ENETUNREACH: ['There is no way to a network that is needed', 'Check the network.'],
  ENOTFOUND: ['A host that is needed is not known', 'Check its name.'],
  EAI_AGAIN: ['A host name cannot be looked up just now', 'Check the network and its name server.'],
}

/** A sentence for a code that came on the way to the database, or from it. Undefined: the code is not known. */
export const databaseProblem = (code: string) => sentence(code, database)

/** A sentence for an error code of the operating system. Undefined: the code is not known. */
export const systemProblem = (code: string) => sentence(code, system)

/** Every code that has a sentence. */
export const knownCodes = { database: Object.keys(database), system: Object.keys(system) }

function sentence(code: string, table: Readonly<Record<string, Words>>): string | undefined {
  const words = Object.hasOwn(table, code) ? table[code] : undefined
  return words && `${words[0]} (${code}). ${words[1]}`
}
