// Original file: proto/lab/v1/lab.proto


export interface Rule {
  'id'?: (string);
  'edge'?: (string);
  'direction'?: (string);
  'what'?: (string);
  'nth'?: (number);
  'every'?: (number);
  'times'?: (number);
  'after'?: (number);
  'condition'?: (string);
  'action'?: (string);
  'ns'?: (number | string);
  'point'?: (string);
  'hardware'?: (string);
  'at'?: (number | string);
  'space'?: (number | string);
  'interval'?: (number);
  'probability'?: (number | string);
  'intervalNs'?: (number | string);
  'until'?: (string);
  'field'?: (string);
  'value'?: (string);
  'bit'?: (number);
  'errno'?: (string);
  'status'?: (string);
  'code'?: (string);
  'back'?: (number);
  'address'?: (string);
  'count'?: (number);
  'write'?: (boolean);
  'afterEvent'?: (string);
  'releases'?: (string);
  '_ns'?: "ns";
  '_probability'?: "probability";
  '_bit'?: "bit";
}

export interface Rule__Output {
  'id': (string);
  'edge': (string);
  'direction': (string);
  'what': (string);
  'nth': (number);
  'every': (number);
  'times': (number);
  'after': (number);
  'condition': (string);
  'action': (string);
  'ns'?: (number);
  'point': (string);
  'hardware': (string);
  'at': (number);
  'space': (number);
  'interval': (number);
  'probability'?: (number);
  'intervalNs': (number);
  'until': (string);
  'field': (string);
  'value': (string);
  'bit'?: (number);
  'errno': (string);
  'status': (string);
  'code': (string);
  'back': (number);
  'address': (string);
  'count': (number);
  'write': (boolean);
  'afterEvent': (string);
  'releases': (string);
  '_ns'?: "ns";
  '_probability'?: "probability";
  '_bit'?: "bit";
}
