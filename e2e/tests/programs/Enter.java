import java.io.InputStream;
import java.net.Socket;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.Provider;
import java.security.Security;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509KeyManager;

/**
 * A Java program enters a site for members with a key of the PKCS#11 module:
 * java Enter.java dlogin.cfg CA PROFILE URL
 */
class Enter {
    /** One certificate of the token, whatever else is there. */
    record Identity(KeyStore token, String profile) implements X509KeyManager {
        public String chooseClientAlias(String[] types, Principal[] issuers, Socket socket) {
            return profile;
        }

        public PrivateKey getPrivateKey(String alias) {
            try {
                return (PrivateKey) token.getKey(alias, null);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        public X509Certificate[] getCertificateChain(String alias) {
            try {
                var chain = token.getCertificateChain(alias);
                return Arrays.copyOf(chain, chain.length, X509Certificate[].class);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        }

        public String[] getClientAliases(String type, Principal[] issuers) {
            return new String[] {profile};
        }

        public String[] getServerAliases(String type, Principal[] issuers) {
            return null;
        }

        public String chooseServerAlias(String type, Principal[] issuers, Socket socket) {
            return null;
        }
    }

    public static void main(String[] args) throws Exception {
        // After all others: it is asked where a key is its own, and for nothing else.
        Provider module = Security.getProvider("SunPKCS11").configure(args[0]);
        Security.addProvider(module);
        KeyStore token = KeyStore.getInstance("PKCS11", module);
        token.load(null, null);

        KeyStore roots = KeyStore.getInstance("PKCS12");
        roots.load(null, null);
        try (InputStream pem = Files.newInputStream(Path.of(args[1]))) {
            roots.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance("PKIX");
        trust.init(roots);

        SSLContext tls = SSLContext.getInstance("TLS");
        KeyManager[] keys = {new Identity(token, args[2])};
        tls.init(keys, trust.getTrustManagers(), null);
        var connection = (HttpsURLConnection) new URL(args[3]).openConnection();
        connection.setSSLSocketFactory(tls.getSocketFactory());
        try (InputStream body = connection.getInputStream()) {
            body.transferTo(System.out);
        }
    }
}
