-- Certificates that orders replace (RFC 9773 §5).

CREATE INDEX certificates_replaced ON certificates (replaced_by) WHERE replaced_by IS NOT NULL;

-- An order that became invalid replaces nothing. A trigger sees to it, so that no way in which an
-- order ends can forget it.
CREATE TRIGGER order_replaces_nothing AFTER UPDATE OF status ON orders
WHEN NEW.status = 'invalid' AND NEW.replaces IS NOT NULL
BEGIN
    UPDATE certificates SET replaced_by = NULL WHERE replaced_by = NEW.id;
END;
