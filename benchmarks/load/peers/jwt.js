// What `auth_jwt` of the commercial nginx does, by njs: HS256, expiry, and a path prefix, from the query.
import crypto from 'crypto';

function verify(r) {
    const parts = (r.args.token || '').split('.');
    if (parts.length != 3) return '';
    const mac = crypto.createHmac('sha256', r.variables.jwt_secret).update(parts[0] + '.' + parts[1]);
    if (mac.digest('base64url') != parts[2]) return '';
    const header = JSON.parse(Buffer.from(parts[0], 'base64url').toString());
    const claims = JSON.parse(Buffer.from(parts[1], 'base64url').toString());
    return header.alg == 'HS256' && claims.exp > Date.now() / 1000 && r.uri.startsWith(claims.path) ? '1' : '';
}

export default { verify };
